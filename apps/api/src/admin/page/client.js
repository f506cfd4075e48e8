/** Why the admin API did not do what it was asked; the message is for the person. */
export class Refusal extends Error {
  constructor(message, { status = 0, code = 'unreachable' } = {}) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

/** Goes with every change, and proves that this page sends it. */
let csrfToken = null;

/** One request to the admin API with the session's cookie. Gives its JSON; throws a Refusal. */
export async function call(method, path, body) {
  const answer = await send(method, path, body);
  const content = answer.status === 204 ? {} : await answer.json().catch(() => ({}));
  if (!answer.ok) {
    throw new Refusal(content.detail ?? content.title ?? `Tokenhub answered ${answer.status}.`, {
      status: answer.status,
      code: content.code ?? 'unknown',
    });
  }
  return content;
}

/** Whether this browser has a session; makes it known to `call`. */
export async function readSession() {
  return take(await call('GET', 'session'));
}

export async function signIn(token) {
  return take(await call('POST', 'session', { token }));
}

export async function signOut() {
  await call('DELETE', 'session');
  csrfToken = null;
}

function take(session) {
  csrfToken = session.csrf_token ?? null;
  return session.state === 'open';
}

async function send(method, path, body) {
  const headers = {
    accept: 'application/json',
    ...(body !== undefined && { 'content-type': 'application/json' }),
    ...(csrfToken !== null && method !== 'GET' && { 'x-csrf-token': csrfToken }),
  };
  try {
    return await fetch(`v1/${path}`, {
      method,
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
      credentials: 'same-origin',
      cache: 'no-store',
      redirect: 'error',
    });
  } catch {
    throw new Refusal('Tokenhub does not answer. Is it running, and can this browser reach it?');
  }
}
