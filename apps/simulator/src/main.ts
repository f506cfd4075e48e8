import process from 'node:process';
import { parseArgs } from 'node:util';
import type { ProviderLimits } from './limit-settings.js';
import { startSimulator, type SimulatorOptions } from './simulator.js';

const USAGE = `Usage: simulator [options]
  --host <address>            default 127.0.0.1
  --port <port>               default 8090
  --control-port <port>       also /_control/ alone there, even while connections are refused
  --ttft-ms <ms>              time to first token, default 0
  --tokens-per-second <n>     default unlimited
  --output-tokens <n>         length of an answer in words, default 16
  --limits <json>             the setting "limits", e.g. '{"rpm":600,"tpm":60000}'
  --api-key <key>             ask for this key
  --model <id>                serve this model; repeat for more; none serves any
  --log-limit <n>             requests kept in the log, default 1000
`;

async function main(): Promise<void> {
  const options = readOptions(process.argv.slice(2));
  if (options === null) {
    process.stdout.write(USAGE);
    return;
  }
  const simulator = await startSimulator(options);
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => void simulator.close());
  }
  process.stdout.write(`simulator listening on ${simulator.url}\n`);
}

function readOptions(args: string[]): SimulatorOptions | null {
  const { values } = parseArgs({
    args,
    options: {
      help: { type: 'boolean', short: 'h' },
      host: { type: 'string' },
      port: { type: 'string', default: '8090' },
      'control-port': { type: 'string' },
      'ttft-ms': { type: 'string' },
      'tokens-per-second': { type: 'string' },
      'output-tokens': { type: 'string' },
      limits: { type: 'string' },
      'api-key': { type: 'string' },
      model: { type: 'string', multiple: true },
      'log-limit': { type: 'string' },
    },
  });
  if (values.help === true) {
    return null;
  }
  return {
    host: values.host,
    port: amount(values, 'port'),
    controlPort: amount(values, 'control-port'),
    apiKey: values['api-key'],
    models: values.model,
    logLimit: amount(values, 'log-limit'),
    settings: withoutUndefined({
      ttft_ms: amount(values, 'ttft-ms'),
      tokens_per_second: amount(values, 'tokens-per-second'),
      output_tokens: amount(values, 'output-tokens'),
      limits: limits(values.limits),
    }),
  };
}

function amount(values: Record<string, unknown>, name: string): number | undefined {
  const text = values[name];
  if (typeof text !== 'string') {
    return undefined;
  }
  if (!/^\d+(\.\d+)?$/.test(text)) {
    throw new Error(`--${name} is not a number: ${text}`);
  }
  return Number(text);
}

/** Read as JSON here and as limits by the simulator itself. */
function limits(text: string | undefined): ProviderLimits | undefined {
  if (text === undefined) {
    return undefined;
  }
  try {
    return JSON.parse(text) as ProviderLimits;
  } catch {
    throw new Error(`--limits is not JSON: ${text}`);
  }
}

/** A setting that is absent keeps its default; one that is undefined would replace it. */
function withoutUndefined<T extends object>(record: T): Partial<T> {
  return Object.fromEntries(Object.entries(record).filter(([, value]) => value !== undefined)) as Partial<T>;
}

main().catch((error: unknown) => {
  process.stderr.write(`simulator: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});
