import type { Provider } from '@nestjs/common';
import { AuditLog } from '#audit/audit-log.js';
import { AuditReader } from '#audit/audit-reader.js';
import type { Database } from '#database/connect-database.js';
import { HISTORY_DATABASE } from '#history/history.module.js';
import type { Logger } from '#platform/logging.js';
import { LOGGER } from '#platform/platform.module.js';

/** `@Inject(AUDIT)`: the AuditSink, where administrators' actions are noted. */
export const AUDIT = Symbol('audit');

/** What notes administrators' actions, and what reads them. */
export const AUDIT_PARTS: Provider[] = [
  {
    provide: AuditLog,
    inject: [HISTORY_DATABASE, LOGGER],
    useFactory: (database: Database | null, logger: Logger) =>
      new AuditLog({ db: database?.db ?? null, writeLine: (entry) => logger.info(entry, 'audit') }),
  },
  { provide: AUDIT, useExisting: AuditLog },
  {
    provide: AuditReader,
    inject: [HISTORY_DATABASE],
    useFactory: (database: Database | null) => database && new AuditReader(database.db),
  },
];
