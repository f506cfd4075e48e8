import { randomBytes } from 'node:crypto';
import { expect } from '@jest/globals';
import { freePort } from '#testing/free-port.js';
import type { DatabaseKind } from '#testing/postgres-harness.js';
import { type RunningProcess, startProcess } from '#testing/process-harness.js';
import { type Stack, type StackOptions, startStack } from '#testing/stack.js';
import { waitFor } from '#testing/wait-for.js';
import { type Answer, ask, chatJob, type Job, type Json, post, read } from './doors.js';

/* What the suites on the vault share: processes with one cluster secret, and a provider that answers only to the key in the vault. */

export const ADMIN = 'an-administrators-token';
export const PASSWORD = 'correct horse battery staple';
export const PROVIDER_KEY = 'sk-canary-provider-4f81c2';

export interface VaultView extends Json {
  state: 'uninitialised' | 'locked' | 'unlocked';
  mode: 'env' | 'password' | null;
  epoch: number | null;
  data_key_version: number | null;
  administration: { open: boolean; closes_at: string | null; auto_lock_minutes: number | null };
  processes: { id: string; role: 'api' | 'worker'; key: boolean }[];
  this_process: { key: boolean; encryption_key: boolean; cluster_secret: boolean };
  warnings: string[];
  code?: string;
}

export interface VaultStackOptions {
  database?: DatabaseKind;
  apis?: number;
  workers?: number;
  env?: Record<string, string>;
  config?: StackOptions['config'];
}

export const newKey = (): string => randomBytes(32).toString('base64');

export class VaultStack {
  private constructor(
    readonly stack: Stack,
    readonly guarded: RunningProcess & { url: string },
  ) {}

  static async start(options: VaultStackOptions = {}): Promise<VaultStack> {
    const { database = 'postgres', apis = 1, workers = 1, config, env } = options;
    const port = await freePort();
    const guarded = startProcess({
      name: 'guarded-simulator',
      entry: 'dist/apps/simulator/src/main.js',
      args: ['--port', String(port), '--api-key', PROVIDER_KEY],
      isReady: async () => (await fetch(`http://127.0.0.1:${port}/v1/models`)).status === 401,
    });
    await guarded.waitUntilReady();
    const stack = await startStack({
      ...{ appendfsync: 'no', database, apis: 1, workers: 0 },
      ...(config && { config }),
      env: { TOKENHUB_ADMIN_TOKEN: ADMIN, TOKENHUB_CLUSTER_SECRET: newKey(), ...env },
    });
    // One after the other: machines that run this beside other things start five at once too slowly.
    for (let i = 1; i < apis; i++) await stack.startApi();
    for (let i = 0; i < workers; i++) await stack.startWorker();
    return new VaultStack(stack, { ...guarded, url: `http://127.0.0.1:${port}` });
  }

  async stop(): Promise<void> {
    await this.stack.stop();
    await this.guarded.stop();
  }

  /** The answer to an administrator, whatever it is; of the first API that runs, or the one of this index. */
  admin<T = Json>(method: string, path: string, body?: unknown, headers: Json = {}, api?: number): Promise<Answer<T>> {
    const { apis } = this.stack;
    const at = api === undefined ? apis.find((one) => one.isRunning()) : apis[api];
    return ask<T>(`${at?.url ?? ''}/admin/v1/${path}`, {
      method,
      body,
      headers: { authorization: `Bearer ${ADMIN}`, ...(headers as Record<string, string>) },
    });
  }

  /** The answer to a call that must succeed. */
  async do<T = VaultView>(method: string, path: string, body?: unknown): Promise<T> {
    const answer = await this.admin<T>(method, path, body);
    expect([method, path, answer.status < 300 ? 'ok' : answer.text]).toEqual([method, path, 'ok']);
    return answer.body;
  }

  view(api?: number): Promise<VaultView> {
    return this.admin<VaultView>('GET', 'vault', undefined, {}, api).then(({ body }) => body);
  }

  /** A vault with this password, a secret in it, and a provider that needs it; jobs for `guarded-model` go there. */
  async furnish(init: Json = { mode: 'password', password: PASSWORD }): Promise<void> {
    await this.do('POST', 'vault/init', init);
    await this.do('PUT', 'vault/secrets/guarded-key', { value: PROVIDER_KEY });
    await this.do('PUT', 'providers/guarded', {
      ...{ type: 'openai', base_url: `${this.guarded.url}/v1`, credential: { source: 'escrow', name: 'guarded-key' } },
    });
    await this.do('PUT', 'models/guarded-model', { provider: 'guarded', upstream_model: 'sim-small', kinds: ['chat'] });
    await this.untilHeld();
  }

  /** Resolves once every process that runs holds the key, or none does. */
  async untilHeld(everywhere = true): Promise<number> {
    const since = performance.now();
    const running = [...this.stack.apis, ...this.stack.workers].filter((one) => one.isRunning());
    await waitFor(
      async () => {
        const states = await Promise.all(
          running.map(
            async ({ url }) => ((await (await fetch(`${url}/ready`)).json()) as { vault: { key: boolean } }).vault.key,
          ),
        );
        return states.every((key) => key === everywhere);
      },
      { pauseMs: 5, describe: `the key to be ${everywhere ? 'in every' : 'in no'} process` },
    );
    return performance.now() - since;
  }

  job(more: Json = {}): Promise<Job> {
    return post(this.url, chatJob({ request: { model: 'guarded-model' }, ...more }));
  }

  /** The job once it has ended, which may take a worker's start and a hand-over. */
  async ended({ id }: Pick<Job, 'id'>, state = 'completed'): Promise<Job> {
    await waitFor(async () => (await read(this.url, id)).state === state, {
      describe: `${id} to be ${state}`,
    }).catch(async (error: unknown) => {
      throw new Error(JSON.stringify(await read(this.url, id)), { cause: error });
    });
    return read(this.url, id);
  }

  get url(): string {
    return this.stack.apis.find((one) => one.isRunning())?.url ?? '';
  }

  /** Every line that every process has logged. */
  get lines(): string[] {
    return [...this.stack.apis, ...this.stack.workers].flatMap(({ lines }) => lines);
  }
}
