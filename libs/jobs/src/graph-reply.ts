import type { JobState, Priority } from '#contracts/job-state.js';
import { parseGraphFields, type Graph } from './graph-record.js';

/** A graph as the scripts reply it: its job, then fields and values of its steps, then steps and what their calls have come to. */
export type GraphReply = [(string | null)[], string[], (string | (string | null)[])[]];

/** Reads a reply; null when the job is gone or has no graph. */
export function parseGraph(jobId: string, [job, steps, calls]: GraphReply): Graph | null {
  const [state, project, info, priority, deadline, totals] = job;
  const fields = pairsOf(steps);
  if (state == null || info == null || fields.plan === undefined) return null;
  return {
    jobId,
    state: state as JobState,
    project: project ?? '',
    key: (JSON.parse(info) as { key: string }).key,
    priority: priority as Priority,
    deadline: Number(deadline),
    costNano: Number((totals ?? '').split(' ')[5] ?? 0),
    ...parseGraphFields(fields, pairsOf(calls)),
  };
}

function pairsOf<V>(list: readonly V[]): Record<string, V> {
  return Object.fromEntries(list.flatMap((name, i) => (i % 2 === 0 ? [[name, list[i + 1]]] : [])) as [string, V][]);
}
