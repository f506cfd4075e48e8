import { createServer, request as forward, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ask, type Json } from './doors.js';

/*
 * In front of an API process that has no vault yet: everything is passed on, and `/admin/v1/vault` is answered by a small vault in
 * memory that keeps to the contract. An API process with a vault of its own is given as it is.
 */

export interface AdminSite {
  url: string;
  /** What was posted to the vault, oldest first; empty where the vault is real. */
  posted: { path: string; body: Json }[];
  stop(): Promise<void>;
}

/** Where a browser finds the page and a vault. */
export async function adminSite(apiUrl: string, token: string): Promise<AdminSite> {
  const own = await ask(`${apiUrl}/admin/v1/vault`, { headers: { authorization: `Bearer ${token}` } });
  if (own.body.code !== 'unknown_url') return { url: apiUrl, posted: [], stop: () => Promise.resolve() };
  const vault = new VaultStandIn(apiUrl);
  const server = createServer((request, response) => {
    const work = request.url?.startsWith('/admin/v1/vault') === true ? vault.serve(request, response) : null;
    if (work === null) passOn(apiUrl, request, response);
    else work.catch((error: unknown) => response.destroy(error as Error));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, posted: vault.posted, stop: () => closed(server) };
}

function closed(server: Server): Promise<void> {
  server.closeAllConnections();
  return new Promise((resolve) => {
    server.close(() => resolve());
  });
}

/** As a proxy does that leaves `Host` alone. */
function passOn(apiUrl: string, request: IncomingMessage, response: ServerResponse): void {
  const { method, headers } = request;
  const onward = forward(`${apiUrl}${request.url ?? ''}`, { method, headers }, (answer) => {
    response.writeHead(answer.statusCode ?? 502, answer.headers);
    answer.pipe(response);
  });
  onward.once('error', (error) => response.destroy(error));
  request.pipe(onward);
}

class VaultStandIn {
  readonly posted: { path: string; body: Json }[] = [];
  private state: 'uninitialised' | 'locked' | 'unlocked' = 'uninitialised';
  private mode: 'env' | 'password' | null = null;
  private epoch = 0;
  private password: string | null = null;

  constructor(private readonly apiUrl: string) {}

  async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const text = await textOf(request);
    const refused = await this.refusal(request);
    if (refused) {
      send(response, refused.status, refused.body);
      return;
    }
    const path = (request.url ?? '').slice('/admin/v1/vault'.length);
    if (request.method === 'POST') {
      const body = JSON.parse(text) as Json;
      this.posted.push({ path, body });
      const fault = this.change(path, body);
      if (fault) {
        send(response, fault.code === 'invalid_value' ? 400 : 403, { ...fault });
        return;
      }
    }
    send(response, 200, this.view());
  }

  /** The guard's own word on this request, with its cookie, CSRF token and origin. */
  private async refusal({ method = 'GET', headers }: IncomingMessage): Promise<{ status: number; body: Json } | null> {
    const kept = ['cookie', 'authorization', 'x-csrf-token', 'origin', 'sec-fetch-site'];
    const entries = kept.flatMap((name) => (typeof headers[name] === 'string' ? [[name, headers[name]]] : []));
    const path = method === 'GET' ? 'projects' : 'providers/nobody/test';
    const { status, body } = await ask(`${this.apiUrl}/admin/v1/${path}`, {
      method,
      headers: Object.fromEntries(entries) as Record<string, string>,
    });
    return status === 401 || status === 403 ? { status, body } : null;
  }

  private change(path: string, { mode, password }: Json): { code: string; detail: string } | null {
    if (path === '/init') {
      if (mode === 'password' && String(password).length < 12) {
        return { code: 'invalid_value', detail: 'password must have at least 12 characters.' };
      }
      this.mode = mode === 'password' ? 'password' : 'env';
      this.password = mode === 'password' ? String(password) : null;
    } else if (path === '/unlock' && this.mode === 'password' && password !== this.password) {
      return { code: 'vault_password_wrong', detail: 'This is not the password of the vault.' };
    }
    this.state = path === '/lock' ? 'locked' : 'unlocked';
    this.epoch += 1;
    return null;
  }

  private view(): Json {
    const { state, mode, epoch } = this;
    const open = state === 'unlocked';
    return {
      ...{ object: 'vault', state, mode, epoch, data_key_version: open ? 1 : null },
      administration: {
        open,
        closes_at: open && mode === 'password' ? new Date(Date.now() + 900_000).toISOString() : null,
        auto_lock_minutes: mode === 'env' ? null : 15,
      },
      processes: [{ id: 'api-1', role: 'api', key: open }],
      this_process: { key: open, encryption_key: false, cluster_secret: false },
      warnings: ['TOKENHUB_CLUSTER_SECRET is not set.'],
    };
  }
}

async function textOf(request: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  return Buffer.concat(parts).toString('utf8');
}

function send(response: ServerResponse, status: number, body: Json): void {
  const type = status < 400 ? 'application/json' : 'application/problem+json';
  response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' });
  response.end(JSON.stringify(body));
}
