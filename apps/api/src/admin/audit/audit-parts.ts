import type { Provider } from '@nestjs/common';

/** `@Inject(AUDIT)`: the AuditSink. */
export const AUDIT = Symbol('audit');

/** Where administrators' actions are noted. */
export const AUDIT_PARTS: Provider[] = [{ provide: AUDIT, useValue: { record: () => Promise.resolve() } }];
