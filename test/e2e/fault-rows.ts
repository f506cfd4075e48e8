import { POLICY_ROWS } from './fault-policy-rows.js';
import type { Row } from './fault-row.js';
import { STATUS_ROWS } from './fault-status-rows.js';
import { BROKEN_ROWS, SILENT_ROWS, SOUND_ROWS } from './fault-stream-rows.js';

/** The whole table. One more fault: a row in the file of its kind. */
export const ROWS: readonly Row[] = [...SOUND_ROWS, ...STATUS_ROWS, ...SILENT_ROWS, ...BROKEN_ROWS, ...POLICY_ROWS];
