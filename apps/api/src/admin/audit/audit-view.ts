import type { AuditRow } from '#audit/audit-reader.js';

/** An entry as the administrator sees it; its id is the cursor of what comes after it. */
export function auditView(row: AuditRow): Record<string, unknown> {
  const { seq, actor, action, target, before, after, outcome, error } = row;
  return {
    ...{ id: seq, object: 'audit_entry', at: new Date(row.at_ms).toISOString() },
    ...{ actor, action, target, before, after, outcome },
    ...(row.of_seq !== null && { error, entry: row.of_seq }),
    request_id: row.request_id,
  };
}
