import type { Script } from '../../apps/simulator/src/script-book.ts';
import type { Json } from '../e2e/doors.ts';
import type { Dice } from './dice.ts';
import { words } from './words.ts';

/** Graphs that are posted beside chats; one to be cancelled is an adversarial one whose critic takes for ever. */
export const GRAPH_KINDS = ['adversarial', 'vote', 'refine', 'cancelled'] as const;
export type GraphKind = (typeof GRAPH_KINDS)[number];

/** A step as it must come out, and by what its request is recognised: prompts quote what the steps before said. */
export interface PlannedStep {
  id: string;
  /** A piece of the last user message of its request, and of no step's that is planned before it. */
  cue: string;
  /** Set where several steps are asked the same: each is asked of another model. */
  model?: string;
  /** What the simulator answers. */
  says: string;
  /** What the job shows of it. */
  shows: string;
  settings: NonNullable<Script['settings']>;
}

export interface PlannedGraph {
  /** In order; a step of the job's that is not among them must be skipped. */
  steps: PlannedStep[];
  /** The job's answer. */
  text: string;
  orchestration: Json;
  models: readonly string[];
}

const MOST_MS = 1_000;
/** Nobody waits that long: the client cancels before. */
const FOR_EVER_MS = 600_000;
const VOTERS = ['main', 'spare', 'third'] as const;

/** The steps of a graph of this kind, each with an answer of its own; `prompt` is the beginning of what the client asks. */
export function planGraph(kind: GraphKind, options: { marker: string; prompt: string; dice: Dice }): PlannedGraph {
  const { dice } = options;
  switch (kind) {
    case 'adversarial':
      return planRounds('adversarial', { ...options, approves: dice.roll() < 0.15 });
    case 'refine':
      return planRounds('refine', { ...options, approves: dice.roll() < 0.15 });
    case 'vote':
      return planVote(options);
    case 'cancelled':
      return planEndless(options);
  }
}

/** The simulator's scripts for a graph; the latest step first, since the first script that fits is played. */
export function scriptsOf({ steps }: PlannedGraph): Script[] {
  return steps.toReversed().map(({ cue, model, says, settings }) => ({
    match: { last_user: cue, ...(model !== undefined && { model }) },
    text: says,
    settings,
  }));
}

interface Scene {
  marker: string;
  prompt: string;
  dice: Dice;
}

const ROUNDS = {
  adversarial: { first: 'plan', opinion: 'critique', revision: 'refine' },
  refine: { first: 'answer', opinion: 'review', revision: 'improve' },
} as const;

function planRounds(mode: keyof typeof ROUNDS, { approves, ...scene }: Scene & { approves: boolean }): PlannedGraph {
  const names = ROUNDS[mode];
  const iterations = scene.dice.between(1, 2);
  const steps = [step(scene, { id: names.first, cue: scene.prompt })];
  let final = steps[0];
  for (let round = 1; round <= iterations; round++) {
    const opinion = step(scene, { id: `${names.opinion}-${round}`, cue: cueOf(scene, final) });
    steps.push(opinion);
    if (approves && round === iterations) {
      opinion.says = `${opinion.says}\nAPPROVED`;
      break;
    }
    final = step(scene, { id: `${names.revision}-${round}`, cue: cueOf(scene, opinion) });
    steps.push(final);
  }
  return { steps, text: final?.shows ?? '', orchestration: { mode, iterations }, models: ['main', 'spare'] };
}

function planVote(scene: Scene): PlannedGraph {
  const candidates = VOTERS.map((model, i) => ({
    ...step(scene, { id: `candidate-${i + 1}`, cue: scene.prompt }),
    model,
  }));
  const judge = step(scene, { id: 'judge', cue: `${scene.marker}/candidate-` });
  const chosen = scene.dice.between(0, candidates.length - 1);
  judge.says = `${judge.says}\nVERDICT: ${'ABC'.charAt(chosen)}`;
  return {
    steps: [...candidates, { ...judge, shows: judge.says }],
    text: candidates[chosen]?.shows ?? '',
    orchestration: { mode: 'vote', voters: candidates.length },
    models: VOTERS,
  };
}

function planEndless(scene: Scene): PlannedGraph {
  const plan = step(scene, { id: 'plan', cue: scene.prompt });
  const critique = step(scene, { id: 'critique-1', cue: cueOf(scene, plan) });
  critique.settings = { ttft_ms: FOR_EVER_MS };
  return {
    steps: [plan, critique],
    text: '',
    orchestration: { mode: 'adversarial', iterations: 1 },
    models: ['main', 'spare'],
  };
}

function step({ marker, dice }: Scene, { id, cue }: { id: string; cue: string }): PlannedStep {
  const says = `${marker}/${id} ${words(dice, 4, 40)}`;
  const settings = { ttft_ms: dice.between(0, MOST_MS), tokens_per_second: dice.between(100, 400) };
  return { id, cue, says, shows: says, settings };
}

/** The beginning of what a step says: whoever comes after it is shown that. */
function cueOf({ marker }: Scene, before: PlannedStep | undefined): string {
  return `${marker}/${before?.id} `;
}
