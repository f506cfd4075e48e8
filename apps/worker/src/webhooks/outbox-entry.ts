import { TERMINAL_STATES } from '#contracts/job-state.js';
import { assertDeliveryPayload, type DeliveryPayload } from '#contracts/queue-payloads.js';
import { fromFields, type OutboxEntry } from '#webhooks/delivery-fields.js';

/** What the outbox tells of: a job that has ended, or a delivery that was begun anew (`redeliver.lua`) and is noted already. */
export type OutboxNews = { kind: 'ended'; entry: OutboxEntry } | { kind: 'anew'; payload: DeliveryPayload };

/** Reads an entry of the outbox. Throws a TypeError that says what is wrong with one that is none. */
export function readOutboxEntry(fields: readonly string[]): OutboxNews {
  const pairs = pairsOf(fields);
  if (pairs.delivery !== undefined) return { kind: 'anew', payload: payloadOf(pairs.delivery, Number(pairs.round)) };
  const entry = fromFields(pairs);
  if (entry.jobId === '' || entry.project === '') throw new TypeError('an entry of the outbox has no job or project');
  if (!TERMINAL_STATES.includes(entry.state)) throw new TypeError('an entry of the outbox has no state of an end');
  if (!Number.isSafeInteger(entry.at)) throw new TypeError('an entry of the outbox has no time');
  return { kind: 'ended', entry };
}

/** The first round goes without saying, also to a worker that knows of no others. */
export function payloadOf(deliveryId: string, round: number): DeliveryPayload {
  const payload = round === 1 ? { deliveryId } : { deliveryId, round };
  assertDeliveryPayload(payload);
  return payload;
}

function pairsOf(fields: readonly string[]): Partial<Record<string, string>> {
  const names = fields.filter((_field, i) => i % 2 === 0);
  return Object.fromEntries(names.map((name, i) => [name, fields[2 * i + 1] ?? '']));
}
