import type { Response } from 'express';
import type { KeyLevel, KeyRefusal, KeyRule } from '#contracts/key-limits.js';

/** What the rules count, in the words of draft-ietf-httpapi-ratelimit-headers as far as it has any. */
const UNITS: Record<KeyRule, string> = {
  rpm: 'requests',
  rpd: 'requests',
  tpm: 'tokens',
  tpd: 'tokens',
  itpm: 'input-tokens',
  otpm: 'output-tokens',
  concurrency: 'concurrent-requests',
};

/** Sets what a client should know of the limits of its key; nothing for a key without limits. */
export function showLimits(response: Response, levels: readonly KeyLevel[]): void {
  if (levels.length === 0) return;
  for (const [name, value] of Object.entries(rateLimitHeaders(levels))) response.setHeader(name, value);
}

/**
 * `RateLimit-Policy` and `RateLimit`, and `x-ratelimit-*` for OpenAI's clients. A refusal names only the rule that refused:
 * `Retry-After` must not be earlier than the end of any window that `RateLimit` names.
 */
export function rateLimitHeaders(levels: readonly KeyLevel[], refusal?: KeyRefusal): Record<string, string> {
  const shown = refusal ? levels.filter(({ rule }) => rule === refusal.charge.rule) : levels;
  return {
    'ratelimit-policy': levels.map(policyOf).join(', '),
    ratelimit: shown.map((level) => stateOf(level, refusal?.waitMs ?? level.fullInMs)).join(', '),
    ...openAiHeaders('requests', levels),
    ...openAiHeaders('tokens', levels),
  };
}

/** Whole seconds, never too early. */
export function secondsOf(ms: number): number {
  return Math.max(Math.ceil(ms / 1_000), 1);
}

function policyOf({ rule, limit, windowMs }: KeyLevel): string {
  const window = windowMs === null ? '' : `;w=${windowMs / 1_000}`;
  return `"${rule}";q=${limit}${window};qu="${UNITS[rule]}"`;
}

function stateOf({ rule, remaining }: KeyLevel, endsInMs: number): string {
  return `"${rule}";r=${remaining}${endsInMs === 0 ? '' : `;t=${secondsOf(endsInMs)}`}`;
}

/** OpenAI has one of each kind: of a minute's and a day's limit the one of which less is left. */
function openAiHeaders(unit: 'requests' | 'tokens', levels: readonly KeyLevel[]): Record<string, string> {
  const [tightest] = levels.filter(({ rule }) => UNITS[rule] === unit).sort((a, b) => a.remaining - b.remaining);
  if (!tightest) return {};
  return {
    [`x-ratelimit-limit-${unit}`]: String(tightest.limit),
    [`x-ratelimit-remaining-${unit}`]: String(tightest.remaining),
    [`x-ratelimit-reset-${unit}`]: goDuration(tightest.fullInMs),
  };
}

/** As Go prints a duration, and OpenAI with it: `0s`, `12ms`, `1.5s`, `6m0s`, `23h59m58.2s`. */
function goDuration(ms: number): string {
  if (ms > 0 && ms < 1_000) return `${ms}ms`;
  const minutes = Math.floor(ms / 60_000);
  const seconds = `${(ms % 60_000) / 1_000}s`;
  if (minutes === 0) return seconds;
  return minutes < 60 ? `${minutes}m${seconds}` : `${Math.floor(minutes / 60)}h${minutes % 60}m${seconds}`;
}
