import { expect, it } from '@jest/globals';
import { ScriptBook } from '../../apps/simulator/src/script-book.ts';
import type { SeenRequest } from '../../apps/simulator/src/counters.ts';
import type { JsonObject } from '#contracts/json.js';
import { defaultOrchestration, type OrchestrationMode, type StepOutput } from '#contracts/orchestration.js';
import { buildStepRequest } from '#orchestration/step-request.js';
import { stepsOf } from '#orchestration/steps-of.js';
import { Dice } from './dice.ts';
import { GRAPH_KINDS, scriptsOf, type PlannedGraph } from './graph-load.ts';
import { planLoad } from './load.ts';
import { stepOf } from './requests.ts';

const load = planLoad({
  ...{ jobs: 80, seconds: 1, dice: new Dice(20_261_101) },
  mix: Object.fromEntries(GRAPH_KINDS.map((kind) => [kind, 0.2])),
});
const graphs = load.flatMap(({ marker, graph, body }) => (graph === null ? [] : [{ marker, graph, body }]));

it('deals as many graphs of each kind as the mix says', () => {
  expect(load).toHaveLength(80);
  expect(load.filter(({ graph }) => graph === null)).toHaveLength(16);
  expect(load.filter(({ cancelAfterMs }) => cancelAfterMs !== null)).toHaveLength(16);
});

/** The real prompts of the planned steps, with what the steps before said. */
function promptsOf(graph: PlannedGraph, request: JsonObject): { id: string; body: JsonObject; model: string }[] {
  const { mode, iterations, voters } = graph.orchestration as Record<string, number | string>;
  const absent = defaultOrchestration(mode as OrchestrationMode);
  const counts = { iterations: Number(iterations ?? absent.iterations), voters: Number(voters ?? absent.voters) };
  const nodes = stepsOf({ ...absent, ...counts });
  const outputs = new Map<string, StepOutput>();
  return graph.steps.map(({ id, shows, model = 'main' }) => {
    const node = nodes.find((one) => one.id === id);
    if (node === undefined) throw new RangeError(`${mode} has no step ${id}`);
    const body = buildStepRequest({ node, request, outputs, quoteCharacters: null });
    outputs.set(id, { text: shows, completion: null, model, provider: 'first' });
    return { id, body, model };
  });
}

it('knows each step by its prompt, and has the simulator say its words, whoever else asks', () => {
  const book = new ScriptBook();
  for (const { graph } of graphs) for (const script of scriptsOf(graph)) book.add(script);
  expect(graphs).toHaveLength(64);
  for (const { graph, body } of graphs) {
    for (const { id, body: asked, model } of promptsOf(graph, body.request as JsonObject)) {
      expect(stepOf({ body: asked, model } as SeenRequest, graph)).toBe(id);
      const script = book.take({ model, path: '/v1/chat/completions', endpoint: 'chat', body: asked });
      expect(script?.text).toBe(graph.steps.find((step) => step.id === id)?.says);
    }
  }
});
