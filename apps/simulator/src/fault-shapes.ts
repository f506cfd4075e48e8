/** After how many content chunks a fault strikes; of a plain answer it strikes in the middle of the body. */
interface AfterChunks {
  /** Default 1. */
  after_chunks?: number;
}

/** What each kind of fault takes besides `kind` and `delay_ms`. */
export interface FaultShapes {
  /** An error answer. What is left out is filled in the vendor's words for the status and code. */
  status: {
    status: number;
    code?: string | null;
    type?: string;
    message?: string;
    param?: string | null;
    /** Seconds, an HTTP date, or anything absurd: it is sent as it stands. */
    retry_after?: number | string;
    retry_after_ms?: number | string;
    headers?: Record<string, string>;
    /** In vLLM's older shape, without an `error` around it. */
    flat?: boolean;
  };
  /** No connection at all: the port is shut. It is armed for a while, for all clients; no request can carry it. */
  refused: object;
  /** The connection is reset before any header. */
  reset: object;
  /** Silence, without a header, until the client leaves. */
  hang: object;
  /** 200 and the headers, then silence. */
  hang_after_headers: object;
  /** The socket is closed in the middle. */
  cut: AfterChunks;
  /** Silence in the middle, until the client leaves. */
  stall: AfterChunks;
  /** A chunk that is no JSON, then the rest as if nothing had been. */
  malformed_chunk: AfterChunks;
  /** The stream ends properly, but without a finish reason; `done` keeps its closing event. */
  missing_finish: { after_chunks?: number; done?: boolean };
  /** The stream has its finish reason but no closing event. */
  missing_done: object;
  /** The answer ends properly in the middle of its JSON. */
  half_json: AfterChunks;
  /** The answer begins like a sound one and goes on for so many bytes of words, default 100 MiB, then ends. */
  huge_body: { bytes?: number };
  /** 200 with a web page, as a captive proxy sends it. */
  html: object;
  /** An error event inside the stream; `done` sends the closing event after it, as vLLM does. */
  error_event: AfterChunks & { status?: number; code?: string | null; type?: string; message?: string; done?: boolean };
  /** The answer ends with the finish reason `content_filter`; with `before_content`, an error answer instead. */
  content_filter: { after_chunks?: number; before_content?: boolean };
}

export type FaultKind = keyof FaultShapes;

/** A fault of one kind. */
export type FaultOf<K extends FaultKind> = {
  kind: K;
  /** Milliseconds of silence before it. */ delay_ms?: number;
} & FaultShapes[K];

/** Any fault: a discriminated union on `kind`. */
export type Fault = { [K in FaultKind]: FaultOf<K> }[FaultKind];

/** A fault that strikes a request: any but the one of the port. */
export type AnswerFault = Exclude<Fault, { kind: 'refused' }>;
