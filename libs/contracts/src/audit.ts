export interface AuditEntry {
  actor: string;
  action: string;
  target: string;
  before: object | null;
  after: object | null;
  requestId: string | null;
}

/** Where administrators' actions are noted; throws when it cannot be noted. */
export interface AuditSink {
  record(entry: AuditEntry): Promise<void>;
}
