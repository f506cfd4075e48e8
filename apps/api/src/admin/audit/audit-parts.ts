import type { Provider } from '@nestjs/common';
import type { AuditSink } from '#contracts/audit.js';

/** `@Inject(AUDIT)`: the AuditSink. */
export const AUDIT = Symbol('audit');

export const AUDIT_PARTS: Provider[] = [
  { provide: AUDIT, useValue: { record: () => Promise.resolve() } satisfies AuditSink },
];
