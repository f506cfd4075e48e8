import type { IncomingMessage, ServerResponse } from 'node:http';
import type { JsonObject } from '#contracts/json.js';
import { answerControl, CONTROL_PREFIX } from './control.js';
import type { Controls } from './controls.js';
import type { Arrival, OpenRequest } from './counters.js';
import { Exchange } from './exchange.js';
import { planUnderFault, problemPlan } from './faults.js';
import { InstructionError, readInstructions, type Instructions } from './instructions.js';
import { LimitGate } from './limit-gate.js';
import type { Plan } from './plan.js';
import { RequestProblem, type ModelRequest, type Protocol, type Route } from './protocol.js';
import { parsedBody, readBody } from './request-body.js';
import type { Settings } from './settings.js';

/** Kept in the log; credentials never are. */
const HEADERS_OF_INTEREST = [
  'accept',
  'anthropic-beta',
  'anthropic-version',
  'content-type',
  'host',
  'idempotency-key',
  'openai-organization',
  'openai-project',
  'traceparent',
  'user-agent',
  'x-client-request-id',
  'x-request-id',
  'x-stainless-retry-count',
];

/** A request that has been read, and what will answer it. */
interface Received {
  request: IncomingMessage;
  path: string;
  /** Null when it was too large to be kept. */
  text: string | null;
  /** Null when the text is no JSON object. */
  body: JsonObject | null;
  protocol: Protocol;
  route: Route | null;
  settings: Settings;
  /** Null when nothing is limited. */
  gate: LimitGate | null;
}

/** Takes each request from its bytes to its plan. */
export class RequestHandler {
  /** Set while the simulator closes, so that the connections it drops do not count as left by clients. */
  isClosing = false;
  private lastRequest = 0;

  constructor(
    private readonly controls: Controls,
    private readonly protocols: readonly [Protocol, ...Protocol[]],
    private readonly options: { hasControlPort: boolean },
  ) {}

  handle(request: IncomingMessage, response: ServerResponse): void {
    const startedMs = performance.now();
    const url = request.url ?? '/';
    readBody(request, (text) => {
      if (url.startsWith(CONTROL_PREFIX)) {
        this.control(request, { response, text });
      } else {
        this.answer(this.received(request, text), { response, startedMs });
      }
    });
  }

  /** For the port that knows controls alone. */
  handleControl(request: IncomingMessage, response: ServerResponse): void {
    readBody(request, (text) => this.control(request, { response, text }));
  }

  private control(
    request: IncomingMessage,
    { response, text }: { response: ServerResponse; text: string | null },
  ): void {
    const url = new URL(request.url ?? '/', 'http://simulator');
    const { hasControlPort } = this.options;
    const asked = { method: request.method ?? '', url, text: text ?? '', hasOwnPort: hasControlPort };
    void answerControl(this.controls, asked, response);
  }

  private received(request: IncomingMessage, text: string | null): Received {
    const url = request.url ?? '/';
    const queryAt = url.indexOf('?');
    const path = queryAt < 0 ? url : url.slice(0, queryAt);
    // A path of no vendor's is refused in the first one's words.
    const protocol = this.protocols.find((candidate) => candidate.route(path) !== null) ?? this.protocols[0];
    const { settings, limiter, counters } = this.controls;
    return {
      request,
      path,
      text,
      body: parsedBody(text),
      protocol,
      route: protocol.route(path),
      settings,
      gate: limiter === null ? null : new LimitGate(limiter, counters, protocol),
    };
  }

  private answer(received: Received, { response, startedMs }: { response: ServerResponse; startedMs: number }): void {
    const { protocol, route } = received;
    const opened = this.controls.counters.open(arrival(received), route?.path ?? 'unknown');
    const requestId = `req_${(++this.lastRequest).toString(36).padStart(20, '0')}`;
    const exchange = new Exchange(response, opened, {
      counters: this.controls.counters,
      headers: () => ({
        ...protocol.answerHeaders({ requestId, processingMs: Math.round(performance.now() - startedMs) }),
        ...received.gate?.headers,
        ...received.settings.headers,
      }),
      isClosing: () => this.isClosing,
      ended: () => received.gate?.leave(),
    });
    exchange.send(this.planFor(received, opened));
  }

  private planFor(received: Received, opened: OpenRequest): Plan {
    const { protocol } = received;
    try {
      return this.answerPlan(received, opened);
    } catch (error) {
      if (error instanceof RequestProblem) {
        return problemPlan(error.problem, protocol);
      }
      const message = error instanceof Error ? error.message : String(error);
      const wish =
        error instanceof InstructionError
          ? { status: 400, code: 'invalid_instructions', param: 'simulator', message }
          : { status: 500, code: 'simulator_defect', message: `The simulator itself failed: ${message}` };
      return problemPlan(protocol.problem(wish), protocol);
    }
  }

  private answerPlan(received: Received, opened: OpenRequest): Plan {
    const { request, path, body, protocol, gate } = received;
    protocol.authorize(request.headers, path);
    const route = this.routeOf(received);
    const instructions: Instructions = body?.simulator === undefined ? {} : readInstructions(body.simulator);
    const { text = null, fault: ownFault, ...settings } = instructions;
    received.settings = { ...received.settings, ...settings };
    const model = opened.model ?? '';
    const asked: ModelRequest = {
      path,
      body: body ?? {},
      model,
      settings: received.settings,
      text,
      reshape: (draft) => draft,
    };
    gate?.enter(route, asked);
    const traits = { model, path, endpoint: route.endpoint, body: body ?? {} };
    const fault = ownFault ?? this.controls.faults.take(traits);
    if (fault !== null) {
      this.controls.counters.struck(opened, fault.kind);
    }
    // A fault that takes the answer's place leaves the script for the next try.
    const answer = (reshape: ModelRequest['reshape']): Plan => {
      const script = text === null ? this.controls.scripts.take(traits) : null;
      // What the request itself asks for goes before the script.
      received.settings = { ...received.settings, ...script?.settings, ...settings };
      return route.answer({ ...asked, text: script?.text ?? text, reshape, settings: received.settings });
    };
    const plan = fault === null ? answer((draft) => draft) : planUnderFault(fault, protocol, answer);
    gate?.produced(plan, model);
    return plan;
  }

  private routeOf({ request, path, text, body, protocol, route }: Received): Route {
    const method = request.method ?? '';
    if (route === null) {
      const message = `Invalid URL (${method} ${path})`;
      throw new RequestProblem(protocol.problem({ status: 404, code: 'unknown_url', message }));
    }
    if (route.method !== method) {
      const message = `Not allowed to ${method} on ${path}.`;
      throw new RequestProblem(protocol.problem({ status: 405, code: 'method_not_supported', message }));
    }
    if (text === null) {
      throw new RequestProblem(protocol.problem({ status: 413 }));
    }
    if (method === 'POST' && body === null) {
      const message = 'We could not parse the JSON body of your request. The API expects a JSON object.';
      throw new RequestProblem(protocol.problem({ status: 400, code: null, message }));
    }
    return route;
  }
}

function arrival({ request, path, text, body, route }: Received): Arrival {
  const headers: Record<string, string> = {};
  for (const name of HEADERS_OF_INTEREST) {
    const value = request.headers[name];
    if (typeof value === 'string') {
      headers[name] = value;
    }
  }
  return {
    at: Date.now(),
    method: request.method ?? '',
    path,
    model: typeof body?.model === 'string' ? body.model : null,
    stream: body?.stream === true,
    authorization: request.headers.authorization !== undefined || request.headers['x-api-key'] !== undefined,
    headers,
    text: text ?? '',
    fault: null,
    probe: route?.method === 'GET' && request.method === 'GET',
  };
}
