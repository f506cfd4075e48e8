import type { Stack } from '#testing/stack.js';

export const ADMIN_TOKEN = 'an-administrators-token';

export interface Answer {
  status: number;
  headers: Headers;
  body: Record<string, unknown>;
}

export interface CallOptions {
  body?: unknown;
  headers?: Record<string, string>;
}

/** Calls of an administrator to a stack that was started with `ADMIN_TOKEN`. */
export class AdminCalls {
  constructor(private readonly stack: () => Pick<Stack, 'url'>) {}

  /** The answer, whatever its status; `body` is sent as JSON. */
  async send(method: string, path: string, { body, headers = {} }: CallOptions = {}): Promise<Answer> {
    const answer = await fetch(`${this.stack().url}/admin/v1/${path}`, {
      method,
      headers: {
        authorization: `Bearer ${ADMIN_TOKEN}`,
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    const text = await answer.text();
    return {
      status: answer.status,
      headers: answer.headers,
      body: text === '' ? {} : (JSON.parse(text) as Record<string, unknown>),
    };
  }

  get(path: string): Promise<Answer> {
    return this.send('GET', path);
  }

  /** The answer to a call that must succeed. */
  async do(method: string, path: string, options: CallOptions = {}): Promise<Answer> {
    const answer = await this.send(method, path, options);
    if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
    return answer;
  }
}
