import type { StackConfig } from '#testing/simulator-config.js';

/** Two providers on the simulator with a model each, `main` before `spare`. */
export function outageConfig(simulatorUrl: string, coolDownMs?: number): StackConfig {
  const provider = { type: 'openai', base_url: simulatorUrl, credential: { source: 'none' } };
  return {
    providers: [
      { ...provider, id: 'primary', ...(coolDownMs !== undefined && { timeouts: { cool_down_ms: coolDownMs } }) },
      { ...provider, id: 'backup' },
    ],
    models: [
      { id: 'main', provider: 'primary' },
      { id: 'spare', provider: 'backup' },
    ],
  };
}

export interface OutageOptions {
  url: string;
  simulatorUrl: string;
  /** Milliseconds between two requests, for which the primary answers 503, and for which its return is waited for at most. */
  everyMs: number;
  outageMs: number;
  patienceMs: number;
}

export interface OutageReport {
  requests: number;
  /** Statuses other than 200. */
  failed: number[];
  byPrimary: number;
  byBackup: number;
  /** Upstream requests to the primary while it was out. */
  askedInVain: number;
  /** From the primary's recovery to the first request that it served; null when it never did. */
  backAfterMs: number | null;
}

interface Answer {
  sentAt: number;
  status: number;
  provider: string | null;
}

/** Sends synchronous requests at an even pace through an outage of the primary, until it serves again. */
export async function runOutage(options: OutageOptions): Promise<OutageReport> {
  const { url, simulatorUrl, everyMs, outageMs, patienceMs } = options;
  const answers: Promise<Answer>[] = [];
  const ended: Answer[] = [];
  const tick = setInterval(() => {
    const answer = ask(url);
    answers.push(answer);
    answer.then((one) => ended.push(one)).catch(() => undefined);
  }, everyMs);
  try {
    const served = (since: number): Answer | undefined =>
      ended.find(({ sentAt, provider }) => sentAt >= since && provider === 'primary');
    await until(() => served(0) !== undefined, patienceMs);
    await control(simulatorUrl, 'faults', {
      fault: { kind: 'status', status: 503 },
      match: { model: 'main' },
      for_ms: outageMs,
    });
    const recoveredAt = performance.now() + outageMs;
    await until(() => served(recoveredAt) !== undefined, outageMs + patienceMs);
    const back = served(recoveredAt);
    clearInterval(tick);
    const all = await Promise.all(answers);
    return {
      requests: all.length,
      failed: all.map(({ status }) => status).filter((status) => status !== 200),
      byPrimary: all.filter(({ provider }) => provider === 'primary').length,
      byBackup: all.filter(({ provider }) => provider === 'backup').length,
      askedInVain: await faultsStruck(simulatorUrl),
      backAfterMs: back ? Math.round(back.sentAt - recoveredAt) : null,
    };
  } finally {
    clearInterval(tick);
  }
}

async function ask(url: string): Promise<Answer> {
  const sentAt = performance.now();
  const answer = await fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      messages: [{ role: 'user', content: 'Say hello' }],
      tokenhub: { policy: { models: ['main', 'spare'] } },
    }),
  });
  await answer.text();
  return { sentAt, status: answer.status, provider: answer.headers.get('x-tokenhub-provider') };
}

async function faultsStruck(simulatorUrl: string): Promise<number> {
  const seen = (await (await fetch(`${simulatorUrl}/_control/seen`)).json()) as {
    counters: { by_status: Record<string, number> };
  };
  return seen.counters.by_status['503'] ?? 0;
}

async function control(simulatorUrl: string, path: string, body: object): Promise<void> {
  const answer = await fetch(`${simulatorUrl}/_control/${path}`, { method: 'POST', body: JSON.stringify(body) });
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
}

/** Resolves when the condition holds, and also when it did not in time: the report says so. */
function until(condition: () => boolean, timeoutMs: number): Promise<void> {
  return new Promise((resolve) => {
    const end = performance.now() + timeoutMs;
    const poll = setInterval(() => {
      if (!condition() && performance.now() < end) return;
      clearInterval(poll);
      resolve();
    }, 20);
  });
}
