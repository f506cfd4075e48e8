import type { SeenRequest } from '../../apps/simulator/src/counters.ts';
import type { Evidence } from './evidence.ts';
import type { PlannedGraph } from './graph-load.ts';

/** What the simulator was asked for one call, in the order of arrival. */
export interface CallRequests {
  marker: string;
  /** Null for a chat, and for a request of a graph that is none of its steps'. */
  step: string | null;
  requests: SeenRequest[];
}

/** The simulator's requests for each of ours, in the order of their arrival. */
export function requestsByMarker(upstream: readonly SeenRequest[]): Map<string, SeenRequest[]> {
  const requests = new Map<string, SeenRequest[]>();
  for (const request of upstream) {
    const marker = markerOf(request.body);
    if (marker === null) continue;
    const list = requests.get(marker) ?? [];
    requests.set(marker, list);
    list.push(request);
  }
  return requests;
}

/** The simulator's requests for each call: one of a chat, and one for each step of a graph. */
export function requestsByCall({ upstream, receipts }: Pick<Evidence, 'upstream' | 'receipts'>): CallRequests[] {
  const graphs = new Map(receipts.map(({ submission }) => [submission.marker, submission.graph]));
  return [...requestsByMarker(upstream)].flatMap(([marker, requests]) => {
    const graph = graphs.get(marker) ?? null;
    const bySteps = Map.groupBy(requests, (request) => (graph === null ? null : stepOf(request, graph)));
    return [...bySteps].map(([step, ofStep]) => ({ marker, step, requests: ofStep }));
  });
}

/** The step that asked this: the latest one whose cue stands in what was said last. Null when it was none that is planned. */
export function stepOf({ body, model }: SeenRequest, { steps }: PlannedGraph): string | null {
  const said = lastUserText(body);
  const asked = steps.findLast((step) => said.includes(step.cue) && (step.model ?? model) === model);
  return asked?.id ?? null;
}

/** The marker in a request as the simulator saw it; null for one that is none of ours. */
function markerOf(upstreamBody: unknown): string | null {
  const [, marker] = /chaos (\S+) /.exec(JSON.stringify(upstreamBody)) ?? [];
  return marker ?? null;
}

function lastUserText(body: unknown): string {
  const { messages = [] } = (body ?? {}) as { messages?: { role: string; content: unknown }[] };
  const last = messages.findLast(({ role }) => role === 'user');
  return typeof last?.content === 'string' ? last.content : '';
}
