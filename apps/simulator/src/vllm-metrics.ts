import type { Tally } from './counters.js';

/** So many requests fill the made-up cache. */
const CACHE_REQUESTS = 256;

interface Metric {
  name: string;
  type: 'gauge' | 'counter';
  /** Values by the labels that they carry besides the model's. */
  values: readonly (readonly [labels: string, value: number])[];
}

/** GET /metrics: vLLM's gauges and counters in Prometheus' text format. Nothing ever waits here. */
export function metricsText(tally: Tally, model: string): string {
  return metricsOf(tally)
    .map(({ name, type, values }) => {
      const lines = values.map(
        ([labels, value]) => `vllm:${name}{engine="0",model_name="${model}"${labels && `,${labels}`}} ${value}\n`,
      );
      return `# TYPE vllm:${name} ${type}\n${lines.join('')}`;
    })
    .join('');
}

function metricsOf(tally: Tally): Metric[] {
  const running = tally.in_flight;
  const failures = Object.entries(tally.by_status).filter(([status]) => Number(status) >= 400);
  const refused = failures.reduce((sum, [, count]) => sum + count, 0);
  return [
    gauge('num_requests_running', running),
    gauge('num_requests_waiting', 0),
    {
      name: 'num_requests_waiting_by_reason',
      type: 'gauge',
      values: [
        ['reason="capacity"', 0],
        ['reason="deferred"', 0],
      ],
    },
    gauge('kv_cache_usage_perc', Math.min(running / CACHE_REQUESTS, 1)),
    counter('num_preemptions_total', 0),
    counter('prompt_tokens_total', tally.input_tokens),
    counter('generation_tokens_total', tally.output_tokens),
    counter('prefix_cache_queries_total', tally.input_tokens),
    counter('prefix_cache_hits_total', 0),
    {
      name: 'request_success_total',
      type: 'counter',
      values: [
        ['finished_reason="stop"', Math.max(tally.sent - refused, 0)],
        ['finished_reason="abort"', tally.aborted],
      ],
    },
    {
      name: 'request_failure_total',
      type: 'counter',
      values: failures.map(([status, count]) => [`stage="api",code="${status}"`, count]),
    },
  ];
}

function gauge(name: string, value: number): Metric {
  return { name, type: 'gauge', values: [['', value]] };
}

function counter(name: string, value: number): Metric {
  return { name, type: 'counter', values: [['', value]] };
}
