import type { ServerResponse } from 'node:http';
import type { Controls } from './controls.js';
import { InstructionError, readArming, readScript, readSettings } from './instructions.js';

export const CONTROL_PREFIX = '/_control/';

interface ControlRequest {
  method: string;
  url: URL;
  text: string;
  /** Whether controls are reachable while connections are refused. */
  hasOwnPort: boolean;
}

interface ControlAnswer {
  status: number;
  body: unknown;
}

type Verb = (controls: Controls, request: ControlRequest) => ControlAnswer;

const VERBS: Record<string, Verb> = {
  'POST faults': (controls, { text, hasOwnPort }) => {
    const arming = readArming(parsed(text));
    if (arming.fault.kind === 'refused' && arming.for_ms === undefined && !hasOwnPort) {
      throw new InstructionError('Without --control-port nobody could open the port again: refused needs for_ms.');
    }
    return { status: 201, body: { id: controls.arm(arming) } };
  },
  'GET faults': (controls) => ok({ faults: controls.armed() }),
  'DELETE faults': (controls) => ok({ cleared: controls.disarm() }),
  'POST scripts': (controls, { text }) => ({ status: 201, body: { id: controls.script(readScript(parsed(text))) } }),
  'GET scripts': (controls) => ok({ scripts: controls.scripts.list() }),
  'DELETE scripts': (controls) => ok({ cleared: controls.scripts.clear() }),
  'GET settings': (controls) => ok(controls.settings),
  'PUT settings': (controls, { text }) => ok(controls.configure(readSettings(parsed(text)))),
  'GET seen': (controls, { url }) => ok(controls.seen(limitOf(url))),
  'POST reset': (controls) => {
    controls.reset();
    return ok({ reset: true });
  },
};

/** Answers a request to `/_control/…`. It is for tests, on loopback: nothing here asks for a credential. */
export async function answerControl(
  controls: Controls,
  request: ControlRequest,
  response: ServerResponse,
): Promise<void> {
  const { status, body } = await settledAnswer(controls, request);
  const json = JSON.stringify(body);
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(json) });
  response.end(json);
}

/** Whoever opens the port may knock at once: the answer waits until it is open. */
async function settledAnswer(controls: Controls, request: ControlRequest): Promise<ControlAnswer> {
  const answer = controlAnswer(controls, request);
  try {
    await controls.settled();
    return answer;
  } catch (error) {
    return refused(500, `The port cannot be opened: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function controlAnswer(controls: Controls, request: ControlRequest): ControlAnswer {
  const name = request.url.pathname.slice(CONTROL_PREFIX.length);
  const [, kind, id] = /^(faults|scripts)\/(.+)$/.exec(name) ?? [];
  if (id !== undefined && request.method === 'DELETE') {
    const cleared = kind === 'faults' ? controls.disarm(id) : controls.scripts.clear(id);
    return cleared > 0 ? ok({ cleared }) : refused(404, `There is no ${id}.`);
  }
  const verb = VERBS[`${request.method} ${name}`];
  if (verb === undefined) {
    return refused(404, `There is no ${request.method} ${request.url.pathname}; see apps/simulator/README.md.`);
  }
  try {
    return verb(controls, request);
  } catch (error) {
    if (error instanceof InstructionError) {
      return refused(400, error.message);
    }
    throw error;
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new InstructionError('The body is not JSON.');
  }
}

function limitOf(url: URL): number | undefined {
  const text = url.searchParams.get('limit');
  if (text === null) {
    return undefined;
  }
  if (!/^\d+$/.test(text)) {
    throw new InstructionError('limit is not a whole number.');
  }
  return Number(text);
}

function ok(body: unknown): ControlAnswer {
  return { status: 200, body };
}

function refused(status: number, message: string): ControlAnswer {
  return { status, body: { error: { message } } };
}
