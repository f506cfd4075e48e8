export interface AuditEntry {
  actor: string;
  action: string;
  target: string;
  before: object | null;
  after: object | null;
  requestId: string | null;
}

/** Where administrators' actions are noted; throws when it cannot be noted, and then does nothing. */
export interface AuditSink {
  /** Notes what is about to be done, or was refused. */
  record(entry: AuditEntry): Promise<void>;
  /** Does what the entry tells, after noting it; when that fails, a second entry says whether it is known not to be done, and the error is thrown. */
  around<T>(entry: AuditEntry, effect: () => Promise<T>): Promise<T>;
}
