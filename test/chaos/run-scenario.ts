import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Webhook } from 'standardwebhooks';
import { startStack } from '#testing/stack.js';
import { type Received, WebhookReceiver } from '#testing/webhook-receiver.js';
import type { ServerEvent } from '../e2e/doors.ts';
import { CarefulClient, type Receipt } from './careful-client.ts';
import { Dice } from './dice.ts';
import { disturb } from './disturbances.ts';
import { readAll, readBudgets, untilEnded, upstreamOf, type Delivery, type Evidence } from './evidence.ts';
import { Fleet } from './fleet.ts';
import { judge, type Verdict } from './judge.ts';
import { scriptsOf } from './graph-load.ts';
import { isFollowed, planLoad, type Submission } from './load.ts';
import { ReadPoller } from './read-poller.ts';
import { chaosConfig, type Scenario } from './scenarios.ts';

/** How long after the last disturbance everything may take to end: two recoveries, a busy machine, and the queue that has built up. */
const PATIENCE_MS = 90_000;

const ADMIN = 'an-administrators-token';

export interface Report {
  verdict: Verdict;
  seed: number;
  ms: number;
  /** What was done and what went wrong, for whoever looks into it. */
  story: string[];
}

/** Starts the processes, lets the scenario happen to them, and judges what came of it. Rejects only when the run itself failed. */
export async function runScenario(scenario: Scenario, seed: number): Promise<Report> {
  const startedAt = Date.now();
  const { apis, workers, jobs } = scenario;
  const hooks = await WebhookReceiver.start();
  const secret = `whsec_${randomBytes(32).toString('base64')}`;
  const stack = await startStack({
    appendfsync: 'always',
    apis,
    workers,
    config: (simulatorUrl) => chaosConfig(simulatorUrl, { ...scenario, webhookUrl: hooks.url('/judge') }),
    env: {
      TOKENHUB_LOG_LEVEL: 'warn',
      TOKENHUB_WEBHOOK_ALLOW: '127.0.0.1',
      HOOK_SECRET: secret,
      TOKENHUB_ADMIN_TOKEN: ADMIN,
    },
    simulatorLogLimit: jobs * 20,
  });
  try {
    const dice = new Dice(seed);
    const load = planLoad({ ...scenario, dice: dice.fork() });
    const fleet = new Fleet(stack, dice.fork());
    const happened = await happen(scenario, { fleet, load, dice, simulatorUrl: stack.simulatorUrl });
    const deliveries = await untilDelivered(hooks, { secret, jobs: happened.lastRead.size });
    const budgets = await readBudgets(fleet.api(), ADMIN);
    const evidence: Evidence = { ...happened, deliveries, budgets };
    const verdict = judge(evidence, scenario);
    return { verdict, seed, ms: Date.now() - startedAt, story: storyOf(verdict, fleet) };
  } finally {
    await stack.stop();
    await hooks.stop();
  }
}

/** What arrived once every job has been told of, or when the time is over; what is missing then is the judge's. */
async function untilDelivered(
  hooks: WebhookReceiver,
  { secret, jobs }: { secret: string; jobs: number },
): Promise<Delivery[]> {
  const giveUpAt = Date.now() + PATIENCE_MS;
  for (;;) {
    const deliveries = hooks.received.map((received) => deliveryOf(received, new Webhook(secret)));
    if (new Set(deliveries.map(({ jobId }) => jobId)).size >= jobs || Date.now() >= giveUpAt) return deliveries;
    await sleep(500);
  }
}

function deliveryOf({ headers, body }: Received, webhook: Webhook): Delivery {
  const { type, data } = JSON.parse(body) as { type: string; data: { id: string } };
  const found = { jobId: data.id, type, webhookId: String(headers['webhook-id']) };
  try {
    webhook.verify(body, headers as Record<string, string>);
    return { ...found, signed: true };
  } catch {
    // The library's only way to say so; the judge counts it.
    return { ...found, signed: false };
  }
}

interface Scene {
  fleet: Fleet;
  load: Submission[];
  dice: Dice;
  simulatorUrl: string;
}

async function happen(
  scenario: Scenario,
  { fleet, load, dice, simulatorUrl }: Scene,
): Promise<Omit<Evidence, 'deliveries' | 'budgets'>> {
  const api = (): string => fleet.api();
  const accepted: string[] = [];
  for (const { graph } of load) {
    for (const script of graph === null ? [] : scriptsOf(graph)) await fleet.simulator.script(script);
  }
  const giveUpAt = Date.now() + scenario.seconds * 1_000 + PATIENCE_MS;
  const client = new CarefulClient({ api, giveUpAt: () => giveUpAt });
  const poller = new ReadPoller({ api, accepted, dice: dice.fork() });
  const [disturbed, polled] = [new AbortController(), new AbortController()];
  const disturbing = Promise.all(
    scenario.disturbances.map((one) => disturb(one, { fleet, dice: dice.fork(), signal: disturbed.signal })),
  );
  // Looked at below, once the load has been posted; until then its failure is nobody's.
  disturbing.catch(() => undefined);
  const polling = poller.run(polled.signal);
  const posting = postAll(load, { client, accepted });
  await sleep(scenario.seconds * 1_000);
  disturbed.abort();
  await disturbing;
  await fleet.simulator.clearFaults();
  fleet.note('the disturbances are over');
  const { receipts, followed } = await posting;
  await fleet.settled();
  await untilEnded(accepted, { api, giveUpAt, ended: poller.finished });
  polled.abort();
  await polling;
  const upstream = await upstreamOf(simulatorUrl, giveUpAt);
  const { reads, finished: firstRead } = poller;
  return {
    ...(await readAll(accepted, api)),
    receipts,
    followed,
    firstRead,
    upstream,
    reads,
    timeline: fleet.timeline,
  };
}

/** Posts each request when its time has come, and follows the streamed jobs. */
async function postAll(
  load: readonly Submission[],
  { client, accepted }: { client: CarefulClient; accepted: string[] },
): Promise<{ receipts: Receipt[]; followed: Map<string, ServerEvent[]> }> {
  const followed = new Map<string, ServerEvent[]>();
  const beganAt = Date.now();
  const receipts = load.map(async (submission) => {
    await sleep(Math.max(beganAt + submission.atMs - Date.now(), 0));
    const receipt = await client.submit(submission);
    const { jobId } = receipt;
    if (jobId !== null) accepted.push(jobId);
    if (jobId !== null && isFollowed(submission.door)) followed.set(jobId, await client.follow(jobId));
    if (jobId !== null && submission.cancelAfterMs !== null) {
      await sleep(submission.cancelAfterMs);
      receipt.odd.push(...(await client.cancel(jobId)));
    }
    return receipt;
  });
  return { receipts: await Promise.all(receipts), followed };
}

/** The first things that went wrong, what was done to the processes, and what they wrote about the jobs concerned. */
function storyOf({ broken }: Verdict, fleet: Fleet): string[] {
  if (broken.length === 0) return [];
  const shown = broken.slice(0, 20);
  const ids = new Set(shown.flatMap((what) => what.match(/job_\w+/g) ?? []));
  return [
    ...shown.map((what) => `✗ ${what}`),
    ...(broken.length > shown.length ? [`✗ and ${broken.length - shown.length} more`] : []),
    ...fleet.timeline.log.map(({ at, what }) => `  ${new Date(at).toISOString()} ${what}`),
    ...[...ids].flatMap((id) => fleet.linesAbout(id)).map((line) => `  ${line}`),
  ];
}
