import type { Json } from '../e2e/doors.ts';
import type { Dice } from './dice.ts';

/** The doors by which work comes in. Each request carries an idempotency key: its client asks again until it has an answer. */
export type Door = 'job' | 'streamed job' | 'completion' | 'streamed completion';

export interface Submission {
  /** Milliseconds from the beginning of the load. */
  atMs: number;
  /** Also the idempotency key; in the prompt, by which the simulator's requests are told apart, and in the metadata. */
  marker: string;
  door: Door;
  body: Json;
  /** What the simulator is asked to answer, word for word; every job's is another. */
  text: string;
}

const WORDS =
  'alpha bravo charlie delta echo foxtrot golf hotel india juliett kilo lima mike november oscar papa'.split(' ');
const DOORS: readonly Door[] = [
  ...new Array<Door>(5).fill('job'),
  ...new Array<Door>(2).fill('streamed job'),
  ...new Array<Door>(2).fill('completion'),
  'streamed completion',
];

/** Requests of every kind, spread over the time at random. */
export function planLoad({ jobs, seconds, dice }: { jobs: number; seconds: number; dice: Dice }): Submission[] {
  const times = Array.from({ length: jobs }, () => dice.between(0, seconds * 1_000)).sort((a, b) => a - b);
  const run = dice.between(0, 2 ** 32 - 1).toString(36);
  return times.map((atMs, i) => submission(`${run}-${i + 1}`, atMs, dice));
}

/** The marker in a request as the simulator saw it; null for one that is none of ours. */
export function markerOf(upstreamBody: unknown): string | null {
  const [, marker] = /chaos (\S+) /.exec(JSON.stringify(upstreamBody)) ?? [];
  return marker ?? null;
}

function submission(marker: string, atMs: number, dice: Dice): Submission {
  const door = dice.pick(DOORS);
  const text = `answer ${marker} ${words(dice, 4, 40)}`;
  const streamed = door === 'streamed job' || door === 'streamed completion';
  const pace = streamed
    ? { ttft_ms: dice.between(0, 400), tokens_per_second: dice.between(30, 200) }
    : { ttft_ms: dice.between(0, 1_200) };
  const request = {
    messages: [{ role: 'user', content: `chaos ${marker} ${words(dice, 1, 60)}` }],
    simulator: { text, ...pace },
    ...(streamed && { stream: true }),
  };
  const ours = { policy: { models: ['main', 'spare'] }, metadata: { marker } };
  const isJob = door === 'job' || door === 'streamed job';
  return {
    atMs,
    marker,
    door,
    text,
    body: isJob ? { type: 'chat', request, ...ours } : { ...request, tokenhub: ours },
  };
}

function words(dice: Dice, fewest: number, most: number): string {
  return Array.from({ length: dice.between(fewest, most) }, () => dice.pick(WORDS)).join(' ');
}
