import { OpenAI } from 'openai';
import type {
  ChatCompletionCreateParamsNonStreaming,
  ChatCompletionCreateParamsStreaming,
} from 'openai/resources/chat/completions';
import type { StackConfig } from '#testing/simulator-config.js';
import { startStack, type Stack, type StackOptions } from '#testing/stack.js';
import { waitFor } from '#testing/wait-for.js';
import type { Seen, SeenRequest, Tally } from '../../apps/simulator/src/counters.js';
import type { ArmedFault, Arming } from '../../apps/simulator/src/fault-book.js';
import type { Fault } from '../../apps/simulator/src/fault-shapes.js';
import type { Script } from '../../apps/simulator/src/script-book.js';

/** What the suites on the OpenAI-compatible surface share: a stack with two providers, the official client, and views from both ends. */
export interface OpenAiStack {
  readonly stack: Stack;
  readonly simulator: SimulatorClient;
  /** The official SDK as it comes, retries on; `calls` counts its HTTP requests. */
  client(apiKey?: string): CountingClient;
  /** The job as `GET /v1/jobs/:id` shows it. */
  job(id: string): Promise<Job>;
  /** The newest unfinished or kept job. */
  newestJob(): Promise<Job>;
  untilState(id: string, state: string): Promise<Job>;
  stop(): Promise<void>;
}

export interface CountingClient {
  openai: OpenAI;
  calls: () => number;
}

export interface Job {
  id: string;
  state: string;
  model: string | null;
  error: { code: string; message: string } | null;
  attempts: { n: number; model: string; state: string; waited_ms: number; error: { class: string } | null }[];
  metadata: Record<string, string>;
}

/** `small` and `tiny` on provider `near`; `large` on `far`, so that a hop changes the provider; `smart` is an alias of `sim-large`. */
export async function startOpenAiStack(options: StackOptions & { apiKey?: string } = {}): Promise<OpenAiStack> {
  const { apiKey: ownKey = 'unused' } = options;
  const stack = await startStack({ appendfsync: 'no', config: openAiConfig, ...options });
  const simulator = new SimulatorClient(stack.simulatorUrl);
  const get = async (path: string): Promise<unknown> => {
    const answer = await fetch(stack.url + path, { headers: { authorization: `Bearer ${ownKey}` } });
    if (answer.status !== 200) throw new Error(`GET ${path}: ${answer.status} ${await answer.text()}`);
    return answer.json();
  };
  const job = async (id: string): Promise<Job> => (await get(`/v1/jobs/${id}`)) as Job;
  return {
    stack,
    simulator,
    client: (apiKey = ownKey) => countingClient(`${stack.url}/v1`, apiKey),
    job,
    newestJob: async () => {
      const [newest] = ((await get('/v1/jobs?limit=1')) as { data: Job[] }).data;
      if (newest === undefined) throw new Error('no job is listed');
      return newest;
    },
    untilState: (id, state) =>
      waitFor(
        async () => {
          const found = await job(id);
          return found.state === state && found;
        },
        { describe: `${id} to be ${state}` },
      ),
    stop: () => stack.stop(),
  };
}

function countingClient(baseURL: string, apiKey: string): CountingClient {
  let calls = 0;
  const openai = new OpenAI({
    baseURL,
    apiKey,
    fetch: (url, init) => {
      calls++;
      return fetch(url, init);
    },
  });
  return { openai, calls: () => calls };
}

/** The simulator's controls over HTTP. */
export class SimulatorClient {
  constructor(private readonly url: string) {}

  async reset(): Promise<void> {
    await this.send('POST', 'reset');
  }

  /** Arms a fault for requests of one upstream model, until the reset or for so many times. */
  async break(model: string, fault: Fault, times?: number): Promise<void> {
    await this.arm({ fault, match: { model }, ...(times && { times }) });
  }

  async arm(arming: Arming): Promise<void> {
    await this.send('POST', 'faults', arming);
  }

  /** Has the model say what the script wants, until the reset or for so many times. */
  async script(script: Script): Promise<void> {
    await this.send('POST', 'scripts', script);
  }

  /** The faults that have not struck as often as they were armed for. */
  async armed(): Promise<ArmedFault[]> {
    return ((await this.send('GET', 'faults')) as { faults: ArmedFault[] }).faults;
  }

  async requests(): Promise<SeenRequest[]> {
    return (await this.seen()).requests;
  }

  async tally(): Promise<Tally> {
    return (await this.seen()).counters;
  }

  async until(condition: (tally: Tally) => boolean, describe: string): Promise<Tally> {
    return waitFor(
      async () => {
        const tally = await this.tally();
        return condition(tally) && tally;
      },
      { describe },
    );
  }

  private async seen(): Promise<Seen> {
    return (await this.send('GET', 'seen')) as Seen;
  }

  private async send(method: string, path: string, body?: Arming | Script): Promise<unknown> {
    const answer = await fetch(`${this.url}/_control/${path}`, {
      method,
      ...(body && { body: JSON.stringify(body) }),
    });
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
    return answer.json();
  }
}

/** A chat body for `sim-small`; `more` may hold fields that OpenAI does not know. */
export function chatBody(more: object = {}): ChatCompletionCreateParamsNonStreaming {
  return { model: 'sim-small', messages: [{ role: 'user', content: 'Say hello' }], ...more };
}

export function streamBody(more: object = {}): ChatCompletionCreateParamsStreaming {
  return { ...chatBody(more), stream: true };
}

/** A function tool with one required string argument. */
export function tool(name: string, argument: string) {
  return {
    type: 'function' as const,
    function: {
      name,
      description: `Answers for a ${argument}`,
      parameters: {
        type: 'object',
        properties: { [argument]: { type: 'string' } },
        required: [argument],
        additionalProperties: false,
      },
    },
  };
}

/** What the call rejected with; throws when it resolved. */
export async function rejection(call: PromiseLike<unknown>): Promise<unknown> {
  try {
    await call;
  } catch (error) {
    return error;
  }
  throw new Error('the call was expected to fail, and succeeded');
}

/** What `startOpenAiStack` configures when nothing else is said. */
export function openAiConfig(simulatorUrl: string): StackConfig {
  // A provider that is down is probed at once: what one test breaks must not count in the next.
  const timeouts = { cool_down_ms: 1 };
  const provider = { type: 'openai', base_url: simulatorUrl, credential: { source: 'none' }, timeouts };
  const capabilities = ['tools', 'json_schema', 'streaming'];
  const price = { input_per_1k: 0.0002, output_per_1k: 0.0008 };
  const small = { provider: 'near', weight: 4, context_tokens: 32_768, max_output_tokens: 4_096, capabilities, price };
  return {
    server: { body_limit_mb: 0.5 },
    providers: [
      { id: 'near', ...provider },
      { id: 'far', ...provider },
    ],
    models: [
      { ...small, id: 'sim-small' },
      { ...small, id: 'sim-large', provider: 'far', weight: 8, context_tokens: 200_000 },
      { ...small, id: 'sim-tiny', weight: 1, context_tokens: 64, max_output_tokens: 16 },
      {
        ...small,
        id: 'lab/sim-vision',
        upstream_model: 'vision-2026-11',
        weight: 1,
        capabilities: ['vision', 'streaming'],
      },
      {
        id: 'sim-embedding',
        provider: 'near',
        context_tokens: 8_192,
        max_output_tokens: 1,
        capabilities: [],
        kinds: ['embedding'],
        price: { input_per_1k: 0.00002 },
      },
    ],
    aliases: [{ id: 'smart', members: [{ model: 'sim-large' }] }],
  };
}
