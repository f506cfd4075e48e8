/** What a piece of an answer is, whatever the vendor's protocol calls it. */
export type FramePart = 'head' | 'content' | 'finish' | 'usage' | 'done' | 'body' | 'error';

/** Bytes of an answer that leave together: an SSE event of a stream, or the whole body of a plain answer. */
export interface Frame {
  part: FramePart;
  text: string;
  /** Output tokens in it; they set the pace. */
  tokens: number;
}

/** Input and output tokens that an answer reports. */
export interface ServedTokens {
  input: number;
  output: number;
}

/**
 * How the exchange ends once the frames are written: properly; by closing the socket; by resetting it; or never,
 * until the client leaves.
 */
export type Ending = 'end' | 'destroy' | 'reset' | 'silence';

/** Everything that will be sent for one request. Faults are functions from plan to plan. */
export interface Plan {
  status: number;
  contentType: string;
  headers: Record<string, string>;
  stream: boolean;
  frames: readonly Frame[];
  /** Bytes of meaningless words after the frames. */
  fillerBytes: number;
  ending: Ending;
  /** False when even the status line is withheld. */
  withHeaders: boolean;
  firstByteMs: number;
  /** 0 is unpaced. */
  msPerToken: number;
  /** Null when the answer is no complete answer, so that its tokens do not count as served. */
  served: ServedTokens | null;
}

/** The latency that an answer takes from the settings. */
export interface Pace {
  ttft_ms: number;
  tokens_per_second: number | null;
}

/** A plain answer, sent in one piece after the time its tokens take. */
export function bodyPlan(body: string, served: ServedTokens, pace: Pace): Plan {
  return {
    ...UNPACED,
    frames: [{ part: 'body', text: body, tokens: served.output }],
    firstByteMs: pace.ttft_ms,
    msPerToken: msPerToken(pace),
    served,
  };
}

/** A stream of server-sent events. */
export function streamPlan(frames: readonly Frame[], served: ServedTokens, pace: Pace): Plan {
  return {
    ...UNPACED,
    contentType: 'text/event-stream; charset=utf-8',
    stream: true,
    frames,
    firstByteMs: pace.ttft_ms,
    msPerToken: msPerToken(pace),
    served,
  };
}

/** An answer outside the model's latency: an error, or anything else that is known at once. */
export function immediatePlan(overrides: Partial<Plan> & { text?: string }): Plan {
  const { text, ...rest } = overrides;
  return { ...UNPACED, frames: text === undefined ? [] : [{ part: 'body', text, tokens: 0 }], ...rest };
}

/** The plan up to and including its nth content frame; of a plain answer, the first half of the body. */
export function upToChunk(plan: Plan, chunks: number): Plan {
  if (!plan.stream) {
    return { ...plan, frames: plan.frames.map(firstHalf), served: null };
  }
  let content = 0;
  const end = plan.frames.findIndex(
    (frame) => (frame.part === 'content' && ++content > chunks) || ['finish', 'usage', 'done'].includes(frame.part),
  );
  return { ...plan, frames: end < 0 ? plan.frames : plan.frames.slice(0, end), served: null };
}

/** A frame that breaks off in the middle. */
export function firstHalf(frame: Frame): Frame {
  return { ...frame, text: frame.text.slice(0, Math.floor(frame.text.length / 2)) };
}

const UNPACED: Plan = {
  status: 200,
  contentType: 'application/json',
  headers: {},
  stream: false,
  frames: [],
  fillerBytes: 0,
  ending: 'end',
  withHeaders: true,
  firstByteMs: 0,
  msPerToken: 0,
  served: null,
};

function msPerToken(pace: Pace): number {
  return pace.tokens_per_second === null ? 0 : 1000 / pace.tokens_per_second;
}
