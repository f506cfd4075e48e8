import { Webhook } from 'standardwebhooks';
import type { HttpClient } from '#http/http-client.js';
import { HttpError } from '#http/http-error.js';
import type { HttpHead } from '#http/http-request.js';
import { failedBecause, judgeAnswer, type Verdict } from './judge-answer.js';

/** A receiver must open a connection and answer within these; a stalled body counts too. */
const CONNECT_MS = 5_000;
const ANSWER_MS = 15_000;

/** More of an answer is not read. */
const ANSWER_BYTES = 64 * 1024;

export interface SignedMessage {
  url: string;
  /** The event's: the same on every try. */
  id: string;
  body: string;
  /** Each signs; one that verifies is enough for a receiver. */
  secrets: readonly string[];
  /** Aborting breaks the try off. */
  signal: AbortSignal;
}

/** How a try went; `aborted` when it was broken off, which says nothing of the receiver. */
export interface Sent {
  verdict: Verdict | 'aborted';
  durationMs: number;
}

/** Sends a signed message once. Never rejects for what a receiver or the network does; anything else is a fault of ours. */
export async function sendWebhook(http: HttpClient, message: SignedMessage): Promise<Sent> {
  const { url, body, signal } = message;
  const now = Date.now();
  const since = performance.now();
  let head: HttpHead | undefined;
  const done = (verdict: Sent['verdict']): Sent => ({ verdict, durationMs: Math.round(performance.now() - since) });
  try {
    const answer = await http.send({
      method: 'POST',
      url,
      headers: signedHeaders({ ...message, now }),
      body,
      connectMs: CONNECT_MS,
      wait: { kind: 'answer', ms: ANSWER_MS },
      deadlineMs: now + CONNECT_MS + ANSWER_MS,
      signal,
      cutBodyAt: ANSWER_BYTES,
      onHead: (seen) => (head = seen),
    });
    return done(judgeAnswer(answer));
  } catch (error) {
    // The receiver has said what it thinks; how the rest of its answer breaks changes nothing.
    if (head !== undefined) return done(judgeAnswer(head));
    if (!(error instanceof HttpError)) throw error;
    return done(error.kind === 'aborted' ? 'aborted' : failedBecause(error.kind));
  }
}

/** The headers of Standard Webhooks; the time is that of this try, and every secret adds a signature. */
export function signedHeaders({
  id,
  body,
  secrets,
  now,
}: Pick<SignedMessage, 'id' | 'body' | 'secrets'> & { now: number }): Record<string, string> {
  return {
    'content-type': 'application/json',
    'user-agent': 'tokenhub-webhooks',
    'webhook-id': id,
    'webhook-timestamp': String(Math.floor(now / 1_000)),
    'webhook-signature': secrets.map((secret) => new Webhook(secret).sign(id, new Date(now), body)).join(' '),
  };
}
