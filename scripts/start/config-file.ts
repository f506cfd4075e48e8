import { existsSync, readFileSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import { parse, stringify } from 'yaml';
import { ExpectedError } from '../lib/steps.ts';
import type { ConfigFile } from './plan-start.ts';

/** The file named by `TOKENHUB_CONFIG`, else `tokenhub.yaml` or `tokenhub.json` in the checkout. Throws an `ExpectedError` when it is not readable. */
export function readConfigFile(root: string, named: string | undefined): ConfigFile | undefined {
  const path = named ?? ['tokenhub.yaml', 'tokenhub.json'].find((name) => existsSync(join(root, name)));
  if (!path) return undefined;
  try {
    const content: unknown = parse(readFileSync(isAbsolute(path) ? path : join(root, path), 'utf8'));
    if (typeof content !== 'object' || content === null) throw new Error('it is not a mapping');
    return { path, content: content as Record<string, unknown> };
  } catch (error) {
    throw new ExpectedError(
      `The configuration file ${path} cannot be read: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}

/** A configuration file whose only provider is the simulator on this port; everything else is taken over from the given content. */
export function simulatorConfig(port: number, base: Record<string, unknown> = {}): string {
  const common = { provider: 'simulator', capabilities: ['tools', 'vision', 'json_schema', 'streaming'] };
  const content = {
    ...base,
    providers: [
      { id: 'simulator', type: 'openai', base_url: `http://127.0.0.1:${port}/v1`, credential: { source: 'none' } },
    ],
    models: [
      {
        id: 'sim-small',
        weight: 4,
        expected_latency_ms: 200,
        context_tokens: 32_768,
        max_output_tokens: 4_096,
        price: { input_per_1k: 0.0002, output_per_1k: 0.0008 },
        ...common,
      },
      {
        id: 'sim-large',
        weight: 8,
        expected_latency_ms: 600,
        context_tokens: 200_000,
        max_output_tokens: 16_384,
        price: { input_per_1k: 0.0025, output_per_1k: 0.01 },
        ...common,
      },
      {
        id: 'sim-embedding',
        weight: 4,
        expected_latency_ms: 100,
        context_tokens: 8_192,
        max_output_tokens: 1,
        price: { input_per_1k: 0.00002, output_per_1k: 0 },
        ...common,
        capabilities: [],
        kinds: ['embedding'],
      },
    ],
  };
  return `# Written by npm start, because no provider is configured. To use your own, see tokenhub.yaml in the README.\n${stringify(content)}`;
}
