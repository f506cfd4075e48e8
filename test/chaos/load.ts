import type { Json } from '../e2e/doors.ts';
import type { Dice } from './dice.ts';
import { GRAPH_KINDS, planGraph, type GraphKind, type PlannedGraph } from './graph-load.ts';
import { words } from './words.ts';

/** The doors by which work comes in. Each request carries an idempotency key: its client asks again until it has an answer. */
export type Door = 'job' | 'streamed job' | 'completion' | 'streamed completion' | 'graph' | 'streamed graph';

export interface Submission {
  /** Milliseconds from the beginning of the load. */
  atMs: number;
  /** Also the idempotency key; in the prompt, by which the simulator's requests are told apart, and in the metadata. */
  marker: string;
  door: Door;
  body: Json;
  /** What the simulator is asked to answer, word for word; every job's is another. */
  text: string;
  /** Null for a chat. */
  graph: PlannedGraph | null;
  /** Milliseconds from its acceptance until its client cancels it; null when it does not. */
  cancelAfterMs: number | null;
}

/** Which share of the requests are graphs of each kind, 0 to 1; the rest are chats. */
export type Mix = Partial<Record<GraphKind, number>>;

const CHAT_DOORS: readonly Door[] = [
  ...new Array<Door>(5).fill('job'),
  ...new Array<Door>(2).fill('streamed job'),
  ...new Array<Door>(2).fill('completion'),
  'streamed completion',
];
const GRAPH_DOORS: readonly Door[] = ['graph', 'graph', 'streamed graph'];

/** Requests of every kind, spread over the time at random. */
export function planLoad({ jobs, seconds, mix = {}, dice }: LoadOptions): Submission[] {
  const times = Array.from({ length: jobs }, () => dice.between(0, seconds * 1_000)).sort((a, b) => a - b);
  const run = dice.between(0, 2 ** 32 - 1).toString(36);
  const kinds = dealKinds(jobs, mix, dice);
  return times.map((atMs, i) => {
    const [marker, kind] = [`${run}-${i + 1}`, kinds[i]];
    return kind === undefined ? chat(marker, atMs, dice) : graph(kind, { marker, atMs, dice });
  });
}

export interface LoadOptions {
  jobs: number;
  seconds: number;
  mix?: Mix;
  dice: Dice;
}

/** True for those that are answered with a job at once. */
export function isJobDoor(door: Door): boolean {
  return door !== 'completion' && door !== 'streamed completion';
}

/** True for jobs whose events somebody follows as they come. */
export function isFollowed(door: Door): boolean {
  return door === 'streamed job' || door === 'streamed graph';
}

/** As many of each kind as its share says, in an order by chance; nothing where a chat belongs. */
function dealKinds(jobs: number, mix: Mix, dice: Dice): (GraphKind | undefined)[] {
  const deck: (GraphKind | undefined)[] = GRAPH_KINDS.flatMap((kind) =>
    new Array<GraphKind>(Math.round((mix[kind] ?? 0) * jobs)).fill(kind),
  );
  while (deck.length < jobs) deck.push(undefined);
  for (let i = deck.length - 1; i > 0; i--) {
    const j = dice.between(0, i);
    [deck[i], deck[j]] = [deck[j], deck[i]];
  }
  return deck;
}

function chat(marker: string, atMs: number, dice: Dice): Submission {
  const door = dice.pick(CHAT_DOORS);
  const text = `answer ${marker} ${words(dice, 4, 40)}`;
  const streamed = door === 'streamed job' || door === 'streamed completion';
  const pace = streamed
    ? { ttft_ms: dice.between(0, 400), tokens_per_second: dice.between(30, 200) }
    : { ttft_ms: dice.between(0, 1_200) };
  const request = {
    messages: [{ role: 'user', content: `${promptOf(marker)}${words(dice, 1, 60)}` }],
    simulator: { text, ...pace },
    ...(streamed && { stream: true }),
  };
  const ours = { policy: { models: ['main', 'spare'] }, metadata: { marker } };
  return {
    ...{ atMs, marker, door, text, graph: null, cancelAfterMs: null },
    body: isJobDoor(door) ? { type: 'chat', request, ...ours } : { ...request, tokenhub: ours },
  };
}

/** Its answers come from scripts: what a client asks of the simulator would reach some of its steps alone, and each with the same words. */
function graph(kind: GraphKind, { marker, atMs, dice }: { marker: string; atMs: number; dice: Dice }): Submission {
  const isCancelled = kind === 'cancelled';
  const door = isCancelled ? 'graph' : dice.pick(GRAPH_DOORS);
  const prompt = promptOf(marker);
  const planned = planGraph(kind, { marker, prompt, dice });
  const request = {
    messages: [{ role: 'user', content: `${prompt}${words(dice, 1, 60)}` }],
    ...(door === 'streamed graph' && { stream: true }),
  };
  const { orchestration, models, text } = planned;
  return {
    ...{ atMs, marker, door, text, graph: planned },
    cancelAfterMs: isCancelled ? dice.between(0, 4_000) : null,
    body: { type: 'orchestration', request, orchestration, policy: { models }, metadata: { marker } },
  };
}

function promptOf(marker: string): string {
  return `chaos ${marker} `;
}
