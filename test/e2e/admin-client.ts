import { request as httpRequest } from 'node:http';
import { type Answer, ask, type Ask, type Json } from './doors.js';

export const ADMIN = 'an-administrators-token';

/** A session as a browser on `url` has it. */
export interface Session {
  /** Of the request: `tokenhub-admin=…`. */
  cookie: string;
  csrf: string;
  setCookie: string;
}

/** Signs in as a page of this server does; throws when it is refused. */
export async function signIn(url: string, token = ADMIN, headers: Record<string, string> = {}): Promise<Session> {
  const answer = await openSession(url, token, headers);
  if (answer.status !== 201) throw new Error(`${answer.status}: ${answer.text}`);
  const [setCookie = ''] = answer.headers.getSetCookie();
  return { cookie: setCookie.split(';')[0] ?? '', csrf: String(answer.body.csrf_token), setCookie };
}

export function openSession(url: string, token: unknown, headers: Record<string, string> = {}): Promise<Answer> {
  return ask(`${url}/admin/v1/session`, { body: { token }, headers: { ...fromOwnPage(url), ...headers } });
}

/** What a browser says of a request that a page of this server makes. */
export function fromOwnPage(url: string): Record<string, string> {
  return { origin: url };
}

/** A request with a session, by default with all that a change needs. */
export function askWith(session: Session, url: string, options: Ask = {}): Promise<Answer> {
  const { origin } = new URL(url);
  return ask(url, {
    ...options,
    headers: { cookie: session.cookie, 'x-csrf-token': session.csrf, ...fromOwnPage(origin), ...options.headers },
  });
}

export interface RawAnswer {
  status: number;
  body: Json;
}

/** A request whose headers `fetch` would not send: `Host`, `Sec-Fetch-Site`. */
export function rawAsk(
  url: string,
  { method = 'GET', headers = {}, body }: { method?: string; headers?: Record<string, string>; body?: string },
): Promise<RawAnswer> {
  return new Promise((resolve, reject) => {
    const request = httpRequest(url, { method, headers }, (response) => {
      const parts: Buffer[] = [];
      response.on('data', (part: Buffer) => parts.push(part));
      response.on('end', () => {
        const text = Buffer.concat(parts).toString('utf8');
        const json = /[/+]json\b/.test(response.headers['content-type'] ?? '');
        resolve({ status: response.statusCode ?? 0, body: json ? (JSON.parse(text) as Json) : {} });
      });
    });
    request.once('error', reject);
    request.end(body);
  });
}
