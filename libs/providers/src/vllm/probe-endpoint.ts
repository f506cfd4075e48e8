import type { HttpClient } from '#http/http-client.js';
import { HttpError } from '#http/http-error.js';
import type { HttpAnswer } from '#http/http-request.js';
import { serverUrl, toServerRequest, type ServerAccess } from './options.js';
import { readModels, type ServedModel } from './read-models.js';

/** What a look at an endpoint brought. `silent` is no answer in time: dead, or merely too busy to answer. */
export interface ProbeReport {
  health: 'up' | 'down' | 'silent';
  /** Null when they were not asked for, or could not be read. */
  models: ServedModel[] | null;
}

/** Asks an endpoint how it is, and what it serves if that is wanted. Never rejects. */
export async function probeEndpoint(
  http: HttpClient,
  access: ServerAccess,
  { withModels }: { withModels: boolean },
): Promise<ProbeReport> {
  const health = await healthOf(http, access);
  return { health, models: health === 'up' && withModels ? await modelsOf(http, access) : null };
}

async function healthOf(http: HttpClient, access: ServerAccess): Promise<ProbeReport['health']> {
  try {
    const { status } = await http.send(
      toServerRequest(access, { method: 'GET', url: `${serverUrl(access.endpoint)}/health` }),
    );
    // vLLM answers 503 when its engine is dead. A proxy that knows no such route says nothing against the server.
    return status < 500 ? 'up' : 'down';
  } catch (error) {
    return error instanceof HttpError && TELLING_LITTLE.has(error.kind) ? 'silent' : 'down';
  }
}

/** A busy server answers late; the others are our own end. */
const TELLING_LITTLE: ReadonlySet<HttpError['kind']> = new Set(['answer_timeout', 'deadline', 'aborted', 'closed']);

async function modelsOf(http: HttpClient, access: ServerAccess): Promise<ServedModel[] | null> {
  try {
    return parsed(await http.send(toServerRequest(access, { method: 'GET', url: `${access.endpoint}/models` })));
  } catch {
    return null;
  }
}

function parsed({ status, body }: HttpAnswer): ServedModel[] | null {
  return status === 200 ? readModels(JSON.parse(body.toString('utf8'))) : null;
}
