import { createHash } from 'node:crypto';
import { expect } from '@jest/globals';
import { OpenAI } from 'openai';
import { startStack, type Stack } from '#testing/stack.js';
import { waitFor } from '#testing/wait-for.js';
import { ask, type Answer, type Json } from './doors.js';
import { openAiConfig } from './openai-stack.js';

/* What the suites on the administration of keys share: two API processes with one database, and what an administrator does with them. */

export const ADMIN = 'an-administrators-token';
export const HOUSE_KEY = 'th_house_0123456789abcdef';
export const ENVIRONMENT_KEY = 'th_environment_0123456789';
/** The form of every secret that Tokenhub makes. */
export const FORM = /^th_[0-9A-Za-z]{38}$/;

export interface Key extends Json {
  id: string;
  hint: string;
  secret: string;
  secrets: { hint: string; ends_at: string | null }[];
}

export interface AdminAsk {
  body?: unknown;
  headers?: Record<string, string>;
  /** Which API process. */
  api?: number;
}

export const bearer = (secret: string): { authorization: string } => ({ authorization: `Bearer ${secret}` });

/** A stack with project `house`, which declares two keys. */
export class KeysStack {
  /** Every secret that an answer showed. */
  readonly shown: string[] = [];

  private constructor(readonly stack: Stack) {}

  static async start(): Promise<KeysStack> {
    const stack = await startStack({
      ...{ appendfsync: 'no', auth: 'on', apis: 2, database: 'postgres' },
      env: { TOKENHUB_ADMIN_TOKEN: ADMIN, TOKENHUB_API_KEY: ENVIRONMENT_KEY, TOKENHUB_LOG_LEVEL: 'debug' },
      config: (url) => ({ ...openAiConfig(url), projects: [HOUSE] }),
    });
    return new KeysStack(stack);
  }

  /** Asks as the administrator; what it shows of secrets is remembered. */
  async admin<T = Key>(
    method: string,
    path: string,
    { body, headers = {}, api = 0 }: AdminAsk = {},
  ): Promise<Answer<T>> {
    const url = `${this.stack.apis[api]?.url ?? ''}/admin/v1/${path}`;
    const answer = await ask<T>(url, { method, body, headers: { ...bearer(ADMIN), ...headers } });
    const { secret } = answer.body as { secret?: unknown };
    if (typeof secret === 'string') this.shown.push(secret);
    return answer;
  }

  /** A key of project `house` unless the fields say otherwise, with its secret. */
  async newKey(fields: Json = {}): Promise<Key> {
    const body = { project: 'house', scopes: ['jobs', 'chat', 'models'], ...fields };
    const answer = await this.admin('POST', 'keys', { body });
    expect([answer.status, answer.body.code]).toEqual([201, undefined]);
    return answer.body;
  }

  client(apiKey: string, api = 0): OpenAI {
    return new OpenAI({ baseURL: `${this.stack.apis[api]?.url ?? ''}/v1`, apiKey, maxRetries: 0 });
  }

  /** The status with which each API process answers this secret. */
  statuses(secret: string): Promise<number[]> {
    const each = this.stack.apis.map(({ url }) => ask(`${url}/v1/jobs`, { headers: bearer(secret) }));
    return Promise.all(each.map(async (answer) => (await answer).status));
  }

  /** Milliseconds until every API process answers so. */
  async untilAll(secret: string, status: number): Promise<number> {
    const since = performance.now();
    await waitFor(async () => (await this.statuses(secret)).every((each) => each === status), { pauseMs: 5 });
    return performance.now() - since;
  }

  stop(): Promise<void> {
    return this.stack.stop();
  }
}

const HOUSE = {
  id: 'house',
  keys: [
    {
      id: 'declared',
      sha256: createHash('sha256').update(HOUSE_KEY).digest('hex'),
      scopes: ['jobs', 'chat', 'models'],
      allowed_models: ['smart', 'sim-tiny'],
      policy: { max_attempts: 2 },
    },
    { id: 'off', sha256: 'a'.repeat(64), scopes: ['jobs'], disabled: true },
  ],
};
