/**
 * Every error that a client can see: a stable code, its HTTP status and its title. Both dialects (problem+json and the
 * vendors' shapes) are written from this one list.
 */
export const ERROR_CATALOGUE = {
  invalid_json: { status: 400, title: 'The body is not valid JSON' },
  invalid_request: { status: 400, title: 'The request is not valid' },
  missing_required_parameter: { status: 400, title: 'A required field is missing' },
  invalid_type: { status: 400, title: 'A field has the wrong type' },
  invalid_value: { status: 400, title: 'A field has a value that is not allowed' },
  unknown_parameter: { status: 400, title: 'The request has a field that does not exist' },
  unsupported_value: { status: 400, title: 'A value is not supported' },
  context_length_exceeded: { status: 400, title: 'The prompt does not fit any eligible model' },
  no_eligible_model: { status: 400, title: 'No model can take this job' },
  deadline_in_past: { status: 400, title: 'The deadline has already passed' },
  webhook_secret_missing: { status: 400, title: 'The project has no secret to sign webhooks with' },
  content_filtered: { status: 400, title: 'The provider refused the content' },
  invalid_schema: { status: 400, title: 'The output schema is not a JSON Schema that can be used' },
  key_limit_exceeded: { status: 400, title: 'The request alone is beyond a limit of its API key' },
  unknown_reference: { status: 400, title: 'It refers to something that does not exist' },
  credential_source_refused: { status: 400, title: 'A credential of this source cannot be set here' },
  unsupported_media_type: { status: 415, title: 'The body must be application/json' },
  missing_api_key: { status: 401, title: 'No API key was given' },
  invalid_api_key: { status: 401, title: 'The API key is not known' },
  admin_token_required: { status: 401, title: 'The admin token is missing or wrong' },
  session_ended: { status: 401, title: 'The session has ended' },
  csrf_refused: { status: 403, title: 'The request does not come from the page that holds the session' },
  vault_password_wrong: { status: 403, title: 'The password of the vault is wrong' },
  vault_administration_closed: { status: 403, title: 'The administration of secrets is closed' },
  scope_missing: { status: 403, title: 'The API key lacks the scope for this call' },
  host_not_allowed: { status: 403, title: 'Without authentication only loopback requests are served' },
  unknown_url: { status: 404, title: 'There is no such route' },
  model_not_found: { status: 404, title: 'There is no such model' },
  key_not_found: { status: 404, title: 'There is no such API key' },
  project_not_found: { status: 404, title: 'There is no such project' },
  provider_not_found: { status: 404, title: 'There is no such provider' },
  alias_not_found: { status: 404, title: 'There is no such alias' },
  pool_not_found: { status: 404, title: 'There is no such pool' },
  job_not_found: { status: 404, title: 'There is no such job' },
  vault_secret_not_found: { status: 404, title: 'There is no such secret in the vault' },
  webhook_endpoint_not_found: { status: 404, title: 'There is no such webhook endpoint' },
  webhook_delivery_not_found: { status: 404, title: 'There is no such webhook delivery' },
  history_missing: { status: 404, title: 'This Tokenhub keeps no history' },
  method_not_allowed: { status: 405, title: 'The route does not take this method' },
  job_finished: { status: 409, title: 'The job has already finished' },
  job_unfinished: { status: 409, title: 'The job has not finished yet' },
  job_not_retryable: { status: 409, title: 'Only failed and expired jobs can be retried' },
  job_cancelled: { status: 409, title: 'The job was cancelled' },
  already_exists: { status: 409, title: 'There is one of this id already' },
  cursor_ahead: { status: 409, title: 'The cursor is from a database that went on further' },
  declared: { status: 409, title: 'The configuration declares it: it is changed there' },
  in_use: { status: 409, title: 'Something else refers to it' },
  budget_not_found: { status: 404, title: 'There is no such budget' },
  too_many_secrets: { status: 409, title: 'It has as many secrets as it may have' },
  credential_not_here: { status: 409, title: 'This process cannot read the credential of the provider' },
  vault_locked: { status: 409, title: 'The vault is locked' },
  vault_uninitialised: { status: 409, title: 'There is no vault yet' },
  vault_initialised: { status: 409, title: 'There is a vault already' },
  vault_not_configured: { status: 409, title: 'This process lacks a variable that the vault needs' },
  settings_not_kept: { status: 409, title: 'This Tokenhub has no database to keep settings in' },
  too_many_endpoints: { status: 409, title: 'The project has as many webhook endpoints as it may have' },
  webhook_endpoint_disabled: { status: 409, title: 'The webhook endpoint is disabled' },
  webhook_delivery_pending: { status: 409, title: 'The delivery is still being tried' },
  precondition_failed: { status: 412, title: 'It has changed since it was read' },
  body_too_large: { status: 413, title: 'The body is larger than the limit' },
  idempotency_conflict: { status: 422, title: 'The idempotency key was used with another body' },
  rate_limit_exceeded: { status: 429, title: 'Too many requests' },
  insufficient_quota: { status: 429, title: 'The budget is spent' },
  budget_exceeded: { status: 402, title: 'The job would cost more than its budget' },
  internal_error: { status: 500, title: 'Something went wrong on our side' },
  vault_corrupt: { status: 500, title: 'A record of the vault is not as it was written' },
  provider_error: { status: 502, title: 'Every provider that could take the job failed' },
  provider_rate_limited: { status: 503, title: 'Every provider that could take the job is at its limit' },
  output_invalid: { status: 502, title: 'No model gave an answer in the form that was asked for' },
  vote_failed: { status: 502, title: 'Fewer than two candidates of a vote answered' },
  worker_crash: { status: 502, title: 'The job crashed its workers repeatedly' },
  stream_interrupted: { status: 502, title: 'The stream broke after its first content' },
  store_unavailable: { status: 503, title: 'The store is not reachable' },
  shutting_down: { status: 503, title: 'This process is shutting down' },
  sync_timeout: { status: 504, title: 'The answer took longer than a synchronous call may wait' },
  job_expired: { status: 504, title: 'The job passed its deadline' },
} as const satisfies Record<string, { status: number; title: string }>;

export type ErrorCode = keyof typeof ERROR_CATALOGUE;

export interface TokenhubErrorOptions {
  /** The field at fault, as a dotted path from the body's root. */
  param?: string | undefined;
  /** Each fault of a body that has several. */
  errors?: { detail: string; pointer: string }[] | undefined;
  /** Seconds after which trying again makes sense. */
  retryAfterS?: number | undefined;
  /** The limit of the client's own that refused the request; named in both dialects. */
  limit?: { rule: string; limit: number; retryAfterMs: number } | undefined;
  /** What else there is to know, in both dialects. */
  members?: Record<string, unknown> | undefined;
  /** False tells clients that trying again is useless whatever the status says. */
  shouldRetry?: boolean | undefined;
  /** Further members of a problem document, such as the exclusions of a routing decision. */
  extensions?: Record<string, unknown> | undefined;
  /** Overrides the catalogue's status, for errors that a provider's own status names. */
  status?: number | undefined;
  /** Response headers that go with the error. */
  headers?: Record<string, string> | undefined;
  cause?: unknown;
}

/** An error with a stable code and a message that is safe to show to the client; internals go into `cause`. */
export class TokenhubError extends Error {
  readonly status: number;
  readonly title: string;

  constructor(
    readonly code: ErrorCode,
    message?: string,
    readonly options: TokenhubErrorOptions = {},
  ) {
    super(message ?? ERROR_CATALOGUE[code].title, { cause: options.cause });
    this.name = 'TokenhubError';
    this.status = options.status ?? ERROR_CATALOGUE[code].status;
    this.title = ERROR_CATALOGUE[code].title;
  }
}
