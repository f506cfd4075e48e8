/** What a graph of steps costs beside the same calls made one after the other by its client. */
import type { JsonObject } from '#contracts/json.js';
import { defaultOrchestration, type StepOutput } from '#contracts/orchestration.js';
import { buildStepRequest } from '#orchestration/step-request.js';
import { stepsOf } from '#orchestration/steps-of.js';
import { load, median, processorMeter, table } from './measure.ts';
import { pidsOf, type Rig } from './rig.ts';

const CLIENTS = 64;
const PLANNER = 'bench-large';
const CRITIC = 'bench';
const PROMPT =
  'Plan the move of a small online shop from one database server to another, with at most five minutes in which ' +
  'nobody can order. Say what is done in which order, how each step is checked, and how to go back.';
/** What the rig's upstream always answers: it decides how long the prompts of the later calls are. */
const ANSWER = 'A short answer of a few words.';

const GRAPH = JSON.stringify({
  prompt: PROMPT,
  orchestration: { iterations: 1, primary_model_id: PLANNER, review_model_id: CRITIC },
});

interface Round {
  /** Graphs, or triples of calls. */
  perSecond: number;
  failures: number;
  /** Microseconds of processor time for each, by process. */
  cpuUs: Record<string, number>;
}

const KINDS = ['graph', 'triple'] as const;
type Kind = (typeof KINDS)[number];
type Rounds = Record<Kind, Round>[];
const PROCESSES = ['api', 'worker', 'redis', 'upstream', 'load'] as const;

/** Adversarial graphs of one iteration at 64 clients, and clients that make their three calls themselves, in turns. */
export async function graphs(rig: Rig, options: { seconds: number; rounds: number }): Promise<string> {
  const calls = threeCalls();
  const once = async (seconds: number): Promise<Record<Kind, Round>> => ({
    graph: await round(rig, { url: `${rig.tokenhubUrl}/v1/adversarial`, bodies: [GRAPH], seconds }),
    triple: await round(rig, { url: `${rig.tokenhubUrl}/v1/chat/completions`, bodies: calls, seconds }),
  });
  await once(3);
  const rounds: Rounds = [];
  for (let i = 0; i < options.rounds; i++) rounds.push(await once(options.seconds));
  return [
    `## Graphs: POST /v1/adversarial, 1 iteration, beside three POST /v1/chat/completions of ${calls.map(({ length }) => length).join(', ')} bytes, ` +
      `${CLIENTS} clients, instant upstream, ${options.rounds} rounds of ${options.seconds} s\n`,
    table(
      ['work', 'each second', 'ms each', 'failed', 'CPU µs each: api', ...PROCESSES.slice(1)],
      KINDS.map((kind) =>
        row(
          kind,
          rounds.map((one) => one[kind]),
        ),
      ),
    ),
    '',
    ratio(rounds),
    '',
  ].join('\n');
}

/** The very prompts of the graph's steps. */
function threeCalls(): string[] {
  const request: JsonObject = { messages: [{ role: 'user', content: PROMPT }] };
  const output: StepOutput = { text: ANSWER, completion: null, model: PLANNER, provider: 'bench' };
  const nodes = stepsOf(defaultOrchestration('adversarial'));
  const outputs = new Map(nodes.map(({ id }) => [id, output]));
  return nodes.map((node) => {
    const body = buildStepRequest({ node, request, outputs, quoteCharacters: null });
    return JSON.stringify({ ...body, model: node.name === 'critique' ? CRITIC : PLANNER });
  });
}

async function round(rig: Rig, work: { url: string; bodies: string[]; seconds: number }): Promise<Round> {
  const cpuUs = processorMeter(pidsOf(rig, 'tokenhub'));
  const result = await load({ ...work, connections: CLIENTS });
  const calls = work.bodies.length;
  return {
    perSecond: result.requestsPerSecond / calls,
    failures: result.failures,
    cpuUs: cpuUs(result.requests / calls),
  };
}

function row(kind: Kind, rounds: Round[]): string[] {
  const of = (pick: (one: Round) => number): number => median(rounds.map(pick));
  const perSecond = of((one) => one.perSecond);
  return [
    kind,
    perSecond.toFixed(0),
    ((1_000 * CLIENTS) / perSecond).toFixed(0),
    String(rounds.reduce((sum, one) => sum + one.failures, 0)),
    ...PROCESSES.map((process) => of((one) => one.cpuUs[process] ?? NaN).toFixed(0)),
  ];
}

function ratio(rounds: Rounds): string {
  const ratios = rounds.map(({ graph, triple }) => triple.perSecond / graph.perSecond);
  const [middle, least, most] = [median(ratios), Math.min(...ratios), Math.max(...ratios)].map((one) => one.toFixed(2));
  return `Time of a graph by time of a triple: median ${middle} (least ${least}, most ${most}); wanted: at most 1.5`;
}
