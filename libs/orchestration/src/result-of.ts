import type { JsonObject } from '#contracts/json.js';
import type { OrchestrationSpec, StepNode, StepOutput } from '#contracts/orchestration.js';
import type {
  AdversarialResult,
  Author,
  CritiqueRound,
  OrchestrationResult,
  PlanningResult,
  RefineResult,
  ReviewRound,
  VoteResult,
} from './orchestration-result.js';
import { failureOf, outputOf, stateOf, type StepStates } from './step-states.js';
import { isAnswering, roundOf } from './steps-of.js';

/** The result of a job whose graph is done; `final` is the step that `progressOf` named. */
export function resultOf(
  spec: OrchestrationSpec,
  nodes: readonly StepNode[],
  states: StepStates,
  final: string,
): OrchestrationResult {
  const graph: Graph = { nodes, states, final };
  switch (spec.mode) {
    case 'planning':
      return planningOf(graph);
    case 'adversarial':
      return adversarialOf(graph);
    case 'vote':
      return voteOf(graph);
    case 'refine':
      return refineOf(graph);
  }
}

interface Graph {
  nodes: readonly StepNode[];
  states: StepStates;
  /** The step whose completion is the answer. */
  final: string;
}

function planningOf(graph: Graph): PlanningResult {
  return { mode: 'planning', plan: textOf(graph, 'answer'), response: responseOf(graph) };
}

function adversarialOf(graph: Graph): AdversarialResult {
  const opinions = opinionsOf(graph, 'critique');
  return {
    mode: 'adversarial',
    initial_plan: textOf(graph, 'plan'),
    critique: opinions.at(-1)?.output.text ?? null,
    refined_plan: refinedDraft(graph, opinions)?.text ?? null,
    rounds: opinions.map(({ round, output, revision }): CritiqueRound => {
      const { text, approved = false } = output;
      return { round, critique: text, approved, critic: authorOf(output), refined_plan: revision?.text ?? null };
    }),
    response: responseOf(graph),
  };
}

function refineOf(graph: Graph): RefineResult {
  const opinions = opinionsOf(graph, 'review');
  return {
    mode: 'refine',
    initial_response: textOf(graph, 'answer'),
    refined_response: refinedDraft(graph, opinions)?.text ?? null,
    iterations: opinions.length,
    model: newestDraft(graph)?.model ?? null,
    rounds: opinions.map(({ round, output, revision }): ReviewRound => {
      const { text, approved = false } = output;
      return { round, review: text, approved, refined_response: revision?.text ?? null };
    }),
    response: responseOf(graph),
  };
}

function voteOf(graph: Graph): VoteResult {
  const { nodes, states, final } = graph;
  const candidates = nodes.filter(({ name }) => name === 'candidate').map(({ id }) => id);
  const judge = outputOf(states, 'judge');
  const verdict = judge?.verdict ?? null;
  const chosen = verdict?.named.includes(final) ? final : null;
  const responses = candidates.flatMap((id) => {
    const output = outputOf(states, id);
    return output ? [{ candidate: id, ...authorOf(output), content: output.text, selected: id === chosen }] : [];
  });
  return {
    mode: 'vote',
    responses,
    selected: chosen === null ? null : responses.findIndex(({ selected }) => selected),
    judge:
      judge && verdict
        ? { ...authorOf(judge), verdict: verdict.kind, named: verdict.named, reason: verdict.reason }
        : null,
    failed: candidates
      .filter((id) => stateOf(states, id) === 'failed')
      .map((id) => ({ candidate: id, code: failureOf(states, id).code })),
    response: responseOf(graph),
  };
}

interface Opinion {
  round: number;
  output: StepOutput;
  /** The draft that was written after it. */
  revision: StepOutput | null;
}

/** The critiques or reviews that were given. */
function opinionsOf({ nodes, states }: Graph, name: 'critique' | 'review'): Opinion[] {
  return nodes.flatMap((node) => {
    const output = node.name === name ? outputOf(states, node.id) : null;
    return output ? [{ round: node.round, output, revision: outputOf(states, roundOf(node).revision) }] : [];
  });
}

/** The newest draft; the first one only if it was approved, since else nothing has been refined yet. */
function refinedDraft(graph: Graph, [first]: readonly Opinion[]): StepOutput | null {
  return first?.revision || first?.output.approved ? newestDraft(graph) : null;
}

function newestDraft({ nodes, states }: Graph): StepOutput | null {
  const last = nodes.findLast(({ id, name }) => isAnswering(name) && outputOf(states, id) !== null);
  return last ? outputOf(states, last.id) : null;
}

function responseOf({ states, final }: Graph): JsonObject | null {
  return outputOf(states, final)?.completion ?? null;
}

function textOf({ states }: Graph, id: string): string | null {
  return outputOf(states, id)?.text ?? null;
}

function authorOf({ model, provider }: StepOutput): Author {
  return { model, provider };
}
