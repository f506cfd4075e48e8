import { beforeEach, describe, expect, it } from '@jest/globals';
import type { Counting, ProviderLimits } from './limit-settings.js';
import { RateLimiter, type Admission, type LimitState, type Refusal } from './rate-limiter.js';

let now: number;
let limiter: RateLimiter;

beforeEach(() => {
  now = 5000;
});

function limit(limits: ProviderLimits): void {
  limiter = new RateLimiter(limits, () => now);
}

interface Asked {
  model?: string;
  counting?: Counting;
  input?: number;
  cached?: number;
  maxOutput?: number;
}

function ask({ model = 'm', counting = 'openai', input = 10, cached = 0, maxOutput = 0 }: Asked = {}) {
  return limiter.admit({ model, counting, size: { input, cached, maxOutput } });
}

function admitted(asked?: Asked): Admission {
  const outcome = ask(asked);
  if ('waitMs' in outcome) throw new Error(`Refused: ${JSON.stringify(outcome)}`);
  return outcome;
}

function refused(asked?: Asked): Refusal {
  const outcome = ask(asked);
  if ('waitMs' in outcome) return outcome;
  throw new Error('Admitted.');
}

const remaining = (model = 'm') =>
  Object.fromEntries(limiter.states(model).map((state: LimitState) => [state.name, state.remaining]));

describe('counting as OpenAI', () => {
  it.each([
    ['the estimate where it is larger', { input: 100, maxOutput: 16 }, 100],
    ['max_tokens where they are larger', { input: 100, maxOutput: 1000 }, 1000],
    ['the estimate alone without max_tokens', { input: 100 }, 100],
    ['cache reads like any input', { input: 100, cached: 90 }, 100],
  ])('counts %s', (_, asked, tokens) => {
    limit({ rpm: 10, tpm: 5000 });
    expect(admitted(asked).counted).toMatchObject({ requests: 1, tokens });
    expect(remaining()).toEqual({ rpm: 9, tpm: 5000 - tokens });
  });

  it('gives nothing back when the answer turns out short', () => {
    limit({ tpm: 1000 });
    const admission = admitted({ maxOutput: 900 });
    expect(admission.produced(16)).toMatchObject({ tokens: 0, output_tokens: 16 });
    admission.release();
    expect(remaining()).toEqual({ tpm: 100 });
    expect(refused({ maxOutput: 101 })).toEqual({ name: 'tpm', limit: 1000, used: 900, requested: 101, waitMs: 60 });
  });

  it('refuses a request that is larger than the limit without a time to come back', () => {
    limit({ tpm: 1000 });
    expect(refused({ input: 1001 })).toEqual({ name: 'tpm', limit: 1000, used: 0, requested: 1001, waitMs: null });
  });
});

describe('counting as Anthropic', () => {
  it('counts input without cache reads at once, and output as it comes', () => {
    limit({ tpm: 1000, itpm: 500, otpm: 200 });
    const admission = admitted({ counting: 'anthropic', input: 100, cached: 40, maxOutput: 900 });
    expect(admission.counted).toEqual({ requests: 1, tokens: 60, input_tokens: 60, output_tokens: 0 });
    expect(remaining()).toEqual({ tpm: 940, itpm: 440, otpm: 200 });
    expect(admission.produced(50)).toEqual({ requests: 0, tokens: 50, input_tokens: 0, output_tokens: 50 });
    expect(remaining()).toEqual({ tpm: 890, itpm: 440, otpm: 150 });
  });

  it('lets in while there is room for output, and then nothing until the debt is paid', () => {
    limit({ otpm: 60 });
    admitted({ counting: 'anthropic', maxOutput: 5000 }).produced(90);
    expect(refused({ counting: 'anthropic' })).toMatchObject({ name: 'otpm', limit: 60, used: 60, waitMs: 31_000 });
    now += 31_000;
    expect(ask({ counting: 'anthropic' })).toHaveProperty('counted');
  });

  it('goes by the mode that is set before the vendor’s own', () => {
    limit({ tpm: 1000, mode: 'anthropic', by_model: { reserving: { tpm: 1000, mode: 'openai' } } });
    expect(admitted({ counting: 'openai', maxOutput: 900 }).counted.tokens).toBe(10);
    expect(admitted({ model: 'reserving', maxOutput: 900 }).counted.tokens).toBe(900);
    expect(remaining()).toEqual({ tpm: 980 });
  });
});

describe('several limits', () => {
  it('refuses by the one that lasts longest, and charges none of them', () => {
    limit({ rpm: 2, tpm: 6000 });
    admitted({ input: 5900 });
    admitted({ input: 10 });
    expect(remaining()).toEqual({ rpm: 0, tpm: 90 });
    expect(refused({ input: 190 })).toMatchObject({ name: 'rpm', waitMs: 30_000 });
    expect(refused({ input: 5000 })).toMatchObject({ name: 'tpm', waitMs: 49_100 });
    expect(refused({ input: 7000 })).toMatchObject({ name: 'tpm', waitMs: null });
    expect(remaining()).toEqual({ rpm: 0, tpm: 90 });
    now += 30_000;
    expect(ask({ input: 190 })).toHaveProperty('counted');
  });

  it('keeps those of a model besides those of all, and shows the tighter one', () => {
    limit({ rpm: 5, by_model: { a: { rpm: 2, tpm: 100 } } });
    admitted({ model: 'a' });
    admitted({ model: 'a' });
    expect(refused({ model: 'a' })).toMatchObject({ name: 'rpm', limit: 2 });
    expect([remaining('a'), remaining('b')]).toEqual([{ rpm: 0, tpm: 80 }, { rpm: 3 }]);
    for (let i = 0; i < 3; i++) admitted({ model: 'b' });
    expect(refused({ model: 'b' })).toMatchObject({ name: 'rpm', limit: 5 });
  });

  it('takes algorithm and burst from above where a model names none', () => {
    limit({
      algorithm: 'sliding_window',
      burst: 0.1,
      by_model: { a: { rpm: 10 }, b: { algorithm: 'token_bucket', rpm: 10 } },
    });
    for (let i = 0; i < 10; i++) admitted({ model: 'a' });
    expect(refused({ model: 'a' })).toMatchObject({ waitMs: 60_000 });
    admitted({ model: 'b' });
    expect(refused({ model: 'b' })).toMatchObject({ waitMs: 6000 });
  });

  it.each(['token_bucket', 'sliding_window'] as const)(
    'by %s, an hour of eager clients gets all and no more',
    (algorithm) => {
      limit({ algorithm, rpm: 600, tpm: 20_000 });
      let tokens = 0;
      for (const end = now + 3_600_000; now < end; now += 100) {
        const outcome = ask({ input: 100 + ((now / 100) % 7) * 10 });
        tokens += 'counted' in outcome ? outcome.counted.tokens : 0;
      }
      const full = 20_000 * 60;
      expect(tokens).toBeLessThanOrEqual(full + (algorithm === 'token_bucket' ? 20_000 : 0));
      expect(tokens).toBeGreaterThan(full * 0.99);
    },
  );
});

describe('concurrency', () => {
  it('is held until the answer has ended, once each', () => {
    limit({ concurrency: 2, rpm: 100 });
    const first = admitted();
    admitted();
    expect(refused()).toEqual({ name: 'concurrency', limit: 2, used: 2, requested: 1, waitMs: null });
    first.release();
    first.release();
    admitted();
    expect(refused()).toMatchObject({ name: 'concurrency' });
    expect(remaining()).toEqual({ rpm: 97 });
  });
});
