/** What finding the owner of a presented key adds to a request, with ten thousand keys, and what a change of them costs a process. */
import type { KeyRules, MadeKeys } from '#contracts/key-rules.js';
import { KeyRing } from '#registry/key-ring.js';
import { hashOf, newSecret } from '#registry/key-secret.js';
import { median, percentile, scaled, table, type BenchOptions } from './measure.ts';

const KEYS = 10_000;
const CHECKS = 200_000;
const CHANGES = 20;

/** Each check is timed by itself, the clock's own cost included. */
export function keyCheck({ scale }: BenchOptions): Promise<string> {
  const secrets = Array.from({ length: scaled(KEYS, scale) }, () => newSecret().secret);
  const unknown = Array.from({ length: secrets.length }, () => newSecret().secret);
  const made: MadeKeys = {
    projects: [{ id: 'p', disabled: false, allowedModels: null, policy: {}, budget: {} }],
    keys: secrets.map(keyOf),
  };
  const text = JSON.stringify(made);
  const ring = new KeyRing({ projects: [], apiKey: null });
  const changes = Array.from({ length: CHANGES }, () => timed(() => ring.accept(JSON.parse(text) as MadeKeys)) / 1_000);
  const checks = scaled(CHECKS, scale);
  const rows = [
    ['a known key', ...figures(checks, (i) => ring.find(secrets[i % secrets.length] ?? '') !== null)],
    ['an unknown key', ...figures(checks, (i) => ring.find(unknown[i % unknown.length] ?? '') === null)],
  ];
  const change = `A change of any key costs each API process ${median(changes).toFixed(0)} ms (median of ${CHANGES}) to read ${(text.length / 2 ** 20).toFixed(1)} MiB and arrange it.`;
  return Promise.resolve(
    [
      `## Key check: ${secrets.length} keys\n`,
      table(['of each check', 'median µs', 'p99 µs'], rows),
      `\n${change} The issue asks for a median of 100 µs at most.\n`,
    ].join('\n'),
  );
}

function keyOf(secret: string, i: number): KeyRules {
  return {
    ...{ id: `key-${i}`, project: 'p', scopes: ['jobs', 'chat'], share: 1, limits: { rpm: 600 }, expiresAtMs: null },
    ...{ disabled: false, allowedModels: null, policy: {}, budget: {} },
    secrets: [{ sha256: hashOf(secret), endsAtMs: null }],
  };
}

function figures(count: number, check: (i: number) => boolean): string[] {
  const times = Array.from({ length: count }, (_, i) =>
    timed(() => {
      if (!check(i)) throw new Error('the ring does not know its keys');
    }),
  );
  return [median(times).toFixed(2), percentile(times, 0.99).toFixed(2)];
}

/** Microseconds. */
function timed(run: () => void): number {
  const since = performance.now();
  run();
  return (performance.now() - since) * 1_000;
}
