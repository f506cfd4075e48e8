/** The waits of a call that have a limit: for the whole answer, for its first useful piece, and between two pieces. */
export const WAIT_KINDS = ['answer', 'first', 'idle'] as const;
export type WaitKind = (typeof WAIT_KINDS)[number];

/** Why a call brought no answer; nothing of it says anything about an HTTP status. */
export type HttpErrorKind =
  | 'unsendable'
  | 'connect_timeout'
  | 'connection_refused'
  | 'connection_failed'
  | 'address_refused'
  | 'reset'
  | 'malformed'
  | 'too_large'
  | `${WaitKind}_timeout`
  | 'deadline'
  | 'aborted'
  | 'closed';

/** A call without an answer. Its kind is set here, once; the message names no header and no body. */
export class HttpError extends Error {
  constructor(
    readonly kind: HttpErrorKind,
    message: string,
    options?: { cause?: unknown },
  ) {
    super(message, options);
    this.name = 'HttpError';
  }
}

/** The HttpError for what undici reports; `sent` tells whether the request had reached a connection. */
export function fromTransport(error: unknown, sent: boolean): HttpError {
  const code = codeOf(error);
  const kind = KIND_OF_CODE[code] ?? (sent ? 'reset' : 'connection_failed');
  // A connection that dies of ETIMEDOUT after the request went out was reset, not refused to be opened.
  const settled = kind === 'connect_timeout' && sent ? 'reset' : kind;
  return new HttpError(settled, `${MESSAGES[settled]}${code === '' ? '' : ` (${code})`}`, { cause: error });
}

const KIND_OF_CODE: Partial<Record<string, TransportKind>> = {
  UND_ERR_INVALID_ARG: 'unsendable',
  UND_ERR_NOT_SUPPORTED: 'unsendable',
  ERR_INVALID_URL: 'unsendable',
  UND_ERR_CONNECT_TIMEOUT: 'connect_timeout',
  ETIMEDOUT: 'connect_timeout',
  ECONNREFUSED: 'connection_refused',
  ECONNRESET: 'reset',
  EPIPE: 'reset',
  UND_ERR_SOCKET: 'reset',
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: 'reset',
  HTTPParserError: 'malformed',
  UND_ERR_HEADERS_OVERFLOW: 'malformed',
  UND_ERR_CLOSED: 'closed',
  UND_ERR_DESTROYED: 'closed',
};

type TransportKind = keyof typeof MESSAGES;

const MESSAGES = {
  unsendable: 'The request cannot be sent',
  connect_timeout: 'No connection in time',
  connection_refused: 'The connection was refused',
  connection_failed: 'No connection could be made',
  reset: 'The connection broke',
  malformed: 'The answer is not HTTP',
  closed: 'The HTTP client is closed',
} as const;

function codeOf(error: unknown): string {
  if (typeof error !== 'object' || error === null) return '';
  // undici's parser errors do not always carry a code.
  if ('name' in error && error.name === 'HTTPParserError') return error.name;
  return 'code' in error && typeof error.code === 'string' ? error.code : '';
}
