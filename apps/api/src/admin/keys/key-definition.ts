import { TokenhubError } from '#contracts/error-catalogue.js';
import type { KeyDefinition, ProjectDefinition, SecretDefinition, UseDefinition } from '#registry/made-keys.js';
import type { NewSecret } from '#registry/key-secret.js';
import { mergePatch } from '../merge-patch.js';
import type { KeyDefinitionDto, KeyFieldsDto } from './key.dto.js';
import type { UseDto } from './use.dto.js';

/** A project of which nothing is said. */
export const PLAIN_PROJECT: ProjectDefinition = {
  ...{ name: null, disabled: false, allowed_models: null },
  ...{ policy: {}, budget: {} },
};

type KeySettings = Omit<KeyDefinition, 'project' | 'secrets'>;

const PLAIN_KEY: Omit<KeySettings, 'scopes'> = { ...PLAIN_PROJECT, share: 1, limits: {}, expires_at: null };

/** The definition with what the body gives in its place, as in a JSON merge patch (RFC 7396); null gives the default. */
export function changedUse(current: UseDefinition, body: UseDto): UseDefinition {
  const { name, disabled, allowed_models: allowed, policy, budget } = body;
  return {
    name: name === undefined ? current.name : name,
    disabled: disabled === undefined ? current.disabled : (disabled ?? false),
    allowed_models: allowed === undefined ? current.allowed_models : allowed,
    policy: merged(current.policy, policy),
    budget: merged(current.budget, budget),
  };
}

/** As `changedUse`, for a key; its project and secrets stay. */
export function changedKey(current: KeyDefinition, body: KeyFieldsDto): KeyDefinition {
  return { ...current, ...changedSettings(current, body) };
}

/** A whole new definition of a key that has these secrets. */
export function definedKey(body: KeyDefinitionDto, secrets: SecretDefinition[]): KeyDefinition {
  const { project, scopes } = body;
  return { project, ...changedSettings({ ...PLAIN_KEY, scopes }, body), secrets };
}

function changedSettings(current: KeySettings, body: KeyFieldsDto): KeySettings {
  const { scopes, share, limits, expires_at: expiresAt } = body;
  return {
    ...changedUse(current, body),
    scopes: scopes ?? current.scopes,
    share: share === undefined ? current.share : (share ?? PLAIN_KEY.share),
    limits: merged(current.limits, limits),
    expires_at: expiresAt == null ? (expiresAt === null ? null : current.expires_at) : iso(Date.parse(expiresAt)),
  };
}

/** What is kept of a new secret. */
export function secretOf({ sha256, hint }: NewSecret, nowMs: number): SecretDefinition {
  return { sha256, hint, created_at: iso(nowMs), ends_at: null };
}

/** The new secret among them. */
const MOST_SECRETS = 5;

/**
 * The secrets after a rotation: the new one, the newest before it until the overlap ends, and those before that until their own ends: a
 * rotation whose answer was lost, and that is asked for again, ends no secret that is in use. Without an overlap all others end now.
 * Throws `too_many_secrets` when too many still work.
 */
export function rotated(
  secrets: readonly SecretDefinition[],
  next: SecretDefinition,
  { nowMs, overlapMs }: { nowMs: number; overlapMs: number },
): SecretDefinition[] {
  if (overlapMs === 0) return [next];
  const live = liveSecrets(secrets, nowMs);
  if (live.length >= MOST_SECRETS) {
    throw new TokenhubError(
      'too_many_secrets',
      `${live.length} secrets of it still work: wait until one ends, or end them all now with overlap_seconds 0.`,
    );
  }
  return [next, ...live.map((secret) => ({ ...secret, ends_at: secret.ends_at ?? iso(nowMs + overlapMs) }))];
}

/** Those that still work. */
export function liveSecrets(secrets: readonly SecretDefinition[], nowMs: number): SecretDefinition[] {
  return secrets.filter(({ ends_at: endsAt }) => endsAt === null || Date.parse(endsAt) > nowMs);
}

/** Instances of a class have the fields that are absent, too: as undefined. */
function merged<T extends object>(current: T, fields: T | null | undefined): T {
  if (fields === undefined) return current;
  if (fields === null) return {} as T;
  const given = Object.entries(fields).filter(([, value]) => value !== undefined);
  return mergePatch(current, Object.fromEntries(given)) as T;
}

export function iso(ms: number): string {
  return new Date(ms).toISOString();
}
