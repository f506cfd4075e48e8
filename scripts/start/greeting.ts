import type { StartPlan } from './plan-start.ts';

export interface Running {
  plan: StartPlan;
  redis: string;
  database: string;
  tookMs: number;
}

/** What to show when everything is up: where it is, and something to paste. */
export function greeting({ plan, redis, database, tookMs }: Running): string {
  const api = `http://localhost:${plan.apiPort}`;
  const rows = [
    ['API', `${api}   (description ${api}/docs, state ${api}/ready)`],
    ...plan.workerPorts.map((port, index) => [
      plan.workers === 1 ? 'Worker' : `Worker ${index + 1}`,
      `http://localhost:${port}/ready`,
    ]),
    ...(plan.simulatorPort === undefined ? [] : [['Simulator', `http://localhost:${plan.simulatorPort}/v1`]]),
    ['Providers', plan.providers],
    ['Redis', redis],
    ['Database', database],
    ['Keys', plan.authSaid],
  ];
  return [
    '',
    `Tokenhub is ready (${(tookMs / 1000).toFixed(1)} s). Ctrl-C stops it; unfinished jobs go on with the next npm start.`,
    '',
    ...rows.map(([name = '', value = '']) => `  ${name.padEnd(10)} ${value}`),
    '',
    'Try it:',
    '',
    ...examples(api, plan).map((line) => (line === '' ? '' : `  ${line}`)),
    '',
  ].join('\n');
}

function examples(api: string, plan: StartPlan): string[] {
  const key =
    plan.auth === 'off' || plan.authSaid.startsWith('off') ? '' : ` -H "authorization: Bearer $TOKENHUB_API_KEY"`;
  const json = `-H 'content-type: application/json'${key}`;
  const messages = '"messages":[{"role":"user","content":"Say hello"}]';
  return [
    `curl -s ${api}/v1/jobs ${json} -H 'prefer: wait=30' -d '{"type":"chat","request":{${messages}}}'`,
    '',
    `curl -s ${api}/v1/chat/completions ${json} -d '{"model":"auto",${messages}}'`,
  ];
}
