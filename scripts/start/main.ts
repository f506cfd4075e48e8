/** `npm start`: everything from a bare checkout to a running Tokenhub, supervised until Ctrl-C. */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { build, whyBuild } from '../lib/build.ts';
import { clusterSecret } from '../lib/cluster-secret.ts';
import { freePort, requireFreePorts } from '../lib/ports.ts';
import { findOrInstallRedis } from '../lib/redis-program.ts';
import { checkGivenRedis, planPrivateRedis, privateRedisSpec } from '../lib/redis.ts';
import { createSteps, ExpectedError, reportFailure, type Steps } from '../lib/steps.ts';
import { Supervisor } from '../lib/supervisor.ts';
import { apiSpec, postgresSpec, simulatorSpec, type Surroundings, workerSpecs } from './child-specs.ts';
import { readConfigFile, simulatorConfig } from './config-file.ts';
import { greeting } from './greeting.ts';
import { createRunFolder, type RunFolder } from './left-overs.ts';
import { type ConfigFile, parseOptions, planStart, type StartPlan } from './plan-start.ts';
import { stopRequests } from './stop-requests.ts';

const PREFERRED_DATABASE_PORT = 6391;

const root = join(import.meta.dirname, '..', '..');

interface Start {
  steps: Steps;
  supervisor: Supervisor;
  plan: StartPlan;
  file: ConfigFile | undefined;
  stateDir: string;
  startedAt: number;
}

/** Resolves with the exit code: 0 after Ctrl-C or SIGTERM, 1 when it could not start, 130 when a second Ctrl-C cut the stop short. */
export async function main(args: string[]): Promise<number> {
  const steps = createSteps((line) => console.log(line));
  const stateDir = resolve(root, process.env.TOKENHUB_STATE_DIR ?? '.tokenhub');
  let run: RunFolder | undefined;
  try {
    const options = parseOptions(args);
    const file = readConfigFile(root, process.env.TOKENHUB_CONFIG);
    const plan = planStart(process.env, { ...options, file });
    run = createRunFolder(stateDir, join(root, 'dist'));
    run.lock();
    const supervisor = createSupervisor(steps, run);
    const stopped = stopRequests(supervisor, steps.say);
    const start = { steps, supervisor, plan, file, stateDir, startedAt: performance.now() };
    const code = await Promise.race([bringUp(start, run).then(() => stopped), stopped]).catch(
      async (error: unknown) => {
        // Said first: stopping prints lines of its own, and the reason should not be below them.
        const failed = reportFailure(error);
        await supervisor.stop();
        return failed;
      },
    );
    run.unlock();
    return code;
  } catch (error) {
    return reportFailure(error);
  }
}

function createSupervisor(steps: Steps, run: RunFolder): Supervisor {
  return new Supervisor({
    say: (line) => steps.say(`▸ ${line}`),
    onLine: (name, line) => steps.say(`${name.padEnd(9)} │ ${line}`),
    onPid: (name, pid) => run.record(name, pid),
  });
}

async function bringUp(start: Start, run: RunFolder): Promise<void> {
  const { steps, supervisor, plan } = start;
  const leftOvers = await run.endLeftOvers();
  if (leftOvers.length > 0) steps.say(`▸ Ended what a killed start had left: ${leftOvers.join(', ')}`);
  await requireFreePorts(plan.host, [
    { for: 'the API', port: plan.apiPort, variable: 'TOKENHUB_PORT' },
    ...plan.workerPorts.map((port) => ({ for: 'a worker', port, variable: 'TOKENHUB_WORKER_PORT' })),
    ...(plan.simulatorPort === undefined
      ? []
      : [{ for: 'the simulator', port: plan.simulatorPort, variable: 'TOKENHUB_SIMULATOR_PORT' }]),
  ]);
  await buildIfNeeded(start);
  const redis = await bringUpRedis(start);
  const database = await bringUpDatabase(start);
  if (supervisor.isStopping) return;
  const secret = { TOKENHUB_CLUSTER_SECRET: clusterSecret(process.env, start.stateDir) };
  const surroundings = surroundingsOf(start, { ...redis.env, ...database.env, ...secret });
  const { simulatorPort } = plan;
  if (simulatorPort !== undefined) {
    const up = await steps.step(
      'Simulator',
      () => supervisor.start(simulatorSpec(simulatorPort, surroundings)),
      readyOrNot,
    );
    if (!up) return;
  }
  const title = plan.workers === 1 ? 'Worker and API' : `${plan.workers} workers and API`;
  const up = await steps.step(
    title,
    // Together, but as two stages: the API stops before the workers do.
    () =>
      Promise.all([
        supervisor.start(...workerSpecs(plan, surroundings)),
        supervisor.start(apiSpec(plan, surroundings)),
      ]),
    (both) => readyOrNot(both.every(Boolean)),
  );
  if (!up.every(Boolean)) return;
  steps.say(
    greeting({ plan, redis: redis.said, database: database.said, tookMs: performance.now() - start.startedAt }),
  );
}

function readyOrNot(up: boolean): string {
  return up ? 'ready' : 'not awaited';
}

async function buildIfNeeded({ steps, plan }: Start): Promise<void> {
  const reason = whyBuild(root);
  if (reason === undefined) return;
  if (plan.build) return steps.step(`Build (${reason})`, () => build(root));
  if (!existsSync(join(root, 'dist'))) throw new ExpectedError('There is no dist/ to run: leave --no-build away once.');
  steps.say(`▸ dist/ is not built from these sources (${reason}), and --no-build was given`);
}

async function bringUpRedis(start: Start): Promise<{ said: string; env: NodeJS.ProcessEnv }> {
  const { steps, supervisor, plan, stateDir } = start;
  const given = plan.givenRedis;
  if (given) {
    const { url, variable } = given;
    // Sentinel and Cluster are the processes' own business: their readiness says whether it works.
    if (url === undefined) return { said: `as ${variable} says`, env: {} };
    const said = await steps.step(
      'Redis',
      () => checkGivenRedis(url, variable),
      (seen) => seen,
    );
    return { said, env: {} };
  }
  let env: NodeJS.ProcessEnv = {};
  const where = await steps.step(
    'Redis',
    async () => {
      const program = findOrInstallRedis(steps.say);
      const redis = await planPrivateRedis(stateDir);
      env = { TOKENHUB_REDIS_URL: redis.url };
      await supervisor.start(privateRedisSpec(redis, program));
      const used =
        redis.runningPid === undefined
          ? program.label
          : `${program.label}, already running (process ${redis.runningPid})`;
      return `${used} at 127.0.0.1:${redis.port}, data in ${redis.dir}`;
    },
    (seen) => seen,
  );
  return { said: where, env };
}

async function bringUpDatabase(start: Start): Promise<{ said: string; env: NodeJS.ProcessEnv }> {
  const { steps, supervisor, plan, stateDir } = start;
  // The processes say themselves when it does not answer: jobs go on without it.
  if (plan.givenDatabase !== undefined) return { said: `from ${plan.givenDatabase}`, env: {} };
  const port = await freePort(PREFERRED_DATABASE_PORT);
  const dir = join(stateDir, 'postgres');
  const url = `postgres://postgres@127.0.0.1:${port}/postgres`;
  const said = `embedded (PGlite) at 127.0.0.1:${port}, data in ${dir}`;
  await steps.step(
    'Database',
    () => supervisor.start(postgresSpec({ port, url, dir }, surroundingsOf(start, {}))),
    () => said,
  );
  return { said, env: { TOKENHUB_DATABASE_URL: url } };
}

function surroundingsOf({ plan, file, stateDir }: Start, stores: NodeJS.ProcessEnv): Surroundings {
  const env: NodeJS.ProcessEnv = {
    NODE_ENV: process.env.NODE_ENV ?? 'production',
    TOKENHUB_LOG_FORMAT: process.env.TOKENHUB_LOG_FORMAT ?? 'pretty',
    TOKENHUB_STATE_DIR: stateDir,
    ...stores,
    ...(plan.auth === undefined ? {} : { TOKENHUB_AUTH: plan.auth }),
    ...(file === undefined ? {} : { TOKENHUB_CONFIG: resolve(root, file.path) }),
  };
  if (plan.simulatorPort !== undefined) {
    const generated = join(stateDir, 'simulator.yaml');
    mkdirSync(stateDir, { recursive: true });
    writeFileSync(generated, simulatorConfig(plan.simulatorPort, file?.content));
    env.TOKENHUB_CONFIG = generated;
  }
  return { root, stateDir, env };
}
