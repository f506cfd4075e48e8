import type { ProbeReport } from './probe-endpoint.js';
import type { ServedModel } from './read-models.js';

/** What became of the use of an endpoint; `neutral` says nothing about it, such as a cancelled call. */
export type EndpointOutcome = 'answered' | 'failing' | 'unreachable' | 'neutral';

/** An endpoint in use. It counts as busy until it is released; only the first release counts. */
export interface EndpointLease {
  readonly endpoint: string;
  release(outcome: EndpointOutcome): void;
}

export interface EndpointStatus {
  endpoint: string;
  isUp: boolean;
  inFlight: number;
  /** Null until the endpoint has told. */
  models: readonly ServedModel[] | null;
}

export interface EndpointSetOptions {
  endpoints: readonly string[];
  /** Milliseconds of any clock that does not go back. */
  now: () => number;
  /** Looks at an endpoint; must not reject. */
  probe: (endpoint: string, how: { withModels: boolean }) => Promise<ProbeReport>;
}

/** What an endpoint serves is asked anew this often, and whenever it comes back. */
const MODELS_AGE_MS = 60_000;

/** More failures than this in a row weigh no more: a load this far above the others' is never chosen anyway. */
const MOST_FAILURES = 64;

interface Endpoint {
  readonly url: string;
  inFlight: number;
  /** In a row; each weighs as much as a call in flight, or the server that fails fastest would draw every call. */
  failures: number;
  isUp: boolean;
  /** How often it was found unreachable; a probe that began before the last time has nothing to say. */
  downs: number;
  /** Probes in a row without an answer in time. */
  silences: number;
  isBeingProbed: boolean;
  lastUse: number;
  models: readonly ServedModel[] | null;
  modelsAt: number;
}

/** The endpoints of one provider: which one the next call goes to, and which ones are left alone at this moment. */
export class EndpointSet {
  readonly #now: () => number;
  readonly #probe: EndpointSetOptions['probe'];
  #endpoints: Endpoint[] = [];
  #uses = 0;

  constructor(options: EndpointSetOptions) {
    this.#now = options.now;
    this.#probe = options.probe;
    this.update(options.endpoints);
  }

  /** Takes a changed list over; an endpoint that stays keeps what is known of it. */
  update(urls: readonly string[]): void {
    const known = new Map(this.#endpoints.map((endpoint) => [endpoint.url, endpoint]));
    this.#endpoints = urls.map((url) => known.get(url) ?? newEndpoint(url));
  }

  /**
   * The least busy endpoint that is up; of equals, the one whose last use is longest ago. With none up, the least busy
   * of all: its failure tells the job more than a refusal of ours would. Undefined when there are no endpoints.
   */
  acquire(): EndpointLease | undefined {
    const up = this.#endpoints.filter(({ isUp }) => isUp);
    const [first, ...others] = up.length > 0 ? up : this.#endpoints;
    if (!first) return undefined;
    const endpoint = others.reduce((best, other) => (isBefore(other, best) ? other : best), first);
    endpoint.inFlight++;
    endpoint.lastUse = ++this.#uses;
    let isReleased = false;
    return {
      endpoint: endpoint.url,
      release: (outcome) => {
        if (isReleased) return;
        isReleased = true;
        endpoint.inFlight--;
        note(endpoint, outcome);
      },
    };
  }

  /** Looks at every endpoint that is not being looked at already; resolves when all have answered or not. */
  async probe(): Promise<void> {
    await Promise.all(this.#endpoints.map((endpoint) => this.#probeOne(endpoint)));
  }

  /** In the configured order. */
  get status(): EndpointStatus[] {
    return this.#endpoints.map(({ url, isUp, inFlight, models }) => ({ endpoint: url, isUp, inFlight, models }));
  }

  /** The window that every endpoint has for this model; null when none has told. */
  maxModelLen(model: string): number | null {
    const lengths = this.#endpoints.flatMap(({ models }) => models?.find(({ id }) => id === model)?.maxModelLen ?? []);
    return lengths.length > 0 ? Math.min(...lengths) : null;
  }

  /**
   * Says so when two endpoints serve different models, which one provider's endpoints must not: a call could go to
   * either. Adapters do not count. Endpoints are named by their position, because job owners read it. Null when they agree.
   */
  get disagreement(): string | null {
    const told = this.#endpoints.flatMap(({ models }, position) =>
      models ? [{ position, serves: baseModels(models) }] : [],
    );
    if (new Set(told.map(({ serves }) => serves)).size < 2) return null;
    return told.map(({ position, serves }) => `endpoint ${position + 1} serves ${serves || 'nothing'}`).join(', ');
  }

  async #probeOne(endpoint: Endpoint): Promise<void> {
    if (endpoint.isBeingProbed) return;
    endpoint.isBeingProbed = true;
    const { downs } = endpoint;
    const isStale = this.#now() - endpoint.modelsAt >= MODELS_AGE_MS;
    const withModels = endpoint.models === null || !endpoint.isUp || isStale;
    const report = await this.#probe(endpoint.url, { withModels });
    endpoint.isBeingProbed = false;
    if (report.models) {
      endpoint.models = report.models;
      endpoint.modelsAt = this.#now();
    }
    if (downs === endpoint.downs) judge(endpoint, report.health);
  }
}

function newEndpoint(url: string): Endpoint {
  return {
    url,
    inFlight: 0,
    failures: 0,
    isUp: true,
    downs: 0,
    silences: 0,
    isBeingProbed: false,
    lastUse: 0,
    models: null,
    modelsAt: 0,
  };
}

function isBefore(a: Endpoint, b: Endpoint): boolean {
  const difference = a.inFlight + a.failures - (b.inFlight + b.failures);
  return difference === 0 ? a.lastUse < b.lastUse : difference < 0;
}

function note(endpoint: Endpoint, outcome: EndpointOutcome): void {
  if (outcome === 'neutral') return;
  if (outcome === 'answered') {
    endpoint.failures = 0;
    return;
  }
  endpoint.failures = Math.min(endpoint.failures + 1, MOST_FAILURES);
  if (outcome !== 'unreachable') return;
  endpoint.isUp = false;
  endpoint.downs++;
}

/** One silent probe may be a busy server; two in a row are not. A healthy one forgives half of the failures. */
function judge(endpoint: Endpoint, health: ProbeReport['health']): void {
  endpoint.silences = health === 'silent' ? endpoint.silences + 1 : 0;
  if (health === 'up') {
    endpoint.isUp = true;
    endpoint.failures = Math.floor(endpoint.failures / 2);
  } else if (health === 'down' || endpoint.silences > 1) {
    endpoint.isUp = false;
  }
}

function baseModels(models: readonly ServedModel[]): string {
  return models
    .filter(({ isAdapter }) => !isAdapter)
    .map(({ id }) => id)
    .join(' and ');
}
