import { describe, expect, it } from '@jest/globals';
import type { KeyDefinition, SecretDefinition } from '#registry/made-keys.js';
import { changedKey, definedKey, liveSecrets, rotated } from './key-definition.js';
import type { KeyDefinitionDto, KeyFieldsDto } from './key.dto.js';

const AT = Date.UTC(2026, 10, 22);
const iso = (ms: number): string => new Date(ms).toISOString();
const secret = (hint: string, endsAtMs: number | null = null): SecretDefinition => ({
  ...{ sha256: hint, hint, created_at: iso(AT) },
  ends_at: endsAtMs === null ? null : iso(endsAtMs),
});
const KEY: KeyDefinition = {
  ...{ project: 'p', name: 'N', disabled: true, allowed_models: ['a'], policy: { mode: 'cheap', strict: true } },
  budget: { day_usd: 5 },
  ...{ scopes: ['jobs'], share: 2, limits: { rpm: 5 }, expires_at: iso(AT), secrets: [secret('one')] },
};

describe('a rotation', () => {
  const next = secret('next');
  it.each<[string, SecretDefinition[], number, (string | null)[][]]>([
    [
      'lets the newest work on',
      [secret('one')],
      1_000,
      [
        ['next', null],
        ['one', iso(AT + 1_000)],
      ],
    ],
    ['ends the newest at once without an overlap', [secret('one')], 0, [['next', null]]],
    [
      'leaves those before it until their own ends',
      [secret('two'), secret('one', AT + 5_000), secret('over', AT)],
      1_000,
      [
        ['next', null],
        ['two', iso(AT + 1_000)],
        ['one', iso(AT + 5_000)],
      ],
    ],
    ['ends them all at once without an overlap', [secret('two'), secret('one', AT + 5_000)], 0, [['next', null]]],
    ['makes a first one where there is none', [], 1_000, [['next', null]]],
  ])('%s', (_what, secrets, overlapMs, expected) => {
    const after = rotated(secrets, next, { nowMs: AT, overlapMs });
    expect(after.map(({ hint, ends_at }) => [hint, ends_at])).toEqual(expected);
  });

  it('whose answer was lost can be asked for again: the secret in use works on, up to five at a time', () => {
    let secrets = [secret('in use')];
    for (let i = 0; i < 4; i++) secrets = rotated(secrets, secret(`lost ${i}`), { nowMs: AT + i, overlapMs: 1_000 });
    expect(secrets.map(({ hint }) => hint)).toEqual(['lost 3', 'lost 2', 'lost 1', 'lost 0', 'in use']);
    const again = (nowMs: number, overlapMs: number) => rotated(secrets, next, { nowMs, overlapMs });
    expect(() => again(AT + 4, 1_000)).toThrow(expect.objectContaining({ code: 'too_many_secrets', status: 409 }));
    expect(again(AT + 1_000, 1_000)).toHaveLength(5);
    expect(again(AT + 4, 0)).toEqual([next]);
  });

  it('is over when its overlap is', () => {
    const secrets = [secret('next'), secret('one', AT + 1_000)];
    expect(liveSecrets(secrets, AT + 999)).toHaveLength(2);
    expect(liveSecrets(secrets, AT + 1_000).map(({ hint }) => hint)).toEqual(['next']);
  });
});

describe('a change', () => {
  const change = (body: Partial<KeyFieldsDto>): KeyDefinition => changedKey(KEY, body);

  it.each<[string, Partial<KeyFieldsDto>, Partial<KeyDefinition>]>([
    ['of nothing', {}, {}],
    ['of fields that are absent', { share: undefined, limits: undefined }, {}],
    ['of one field', { share: 3 }, { share: 3 }],
    ['into limits', { limits: { tpm: 9 } }, { limits: { rpm: 5, tpm: 9 } }],
    ['into a budget', { budget: { month_usd: 90 } }, { budget: { day_usd: 5, month_usd: 90 } }],
    [
      'into a policy',
      { policy: { mode: undefined, max_attempts: 2 } },
      { policy: { mode: 'cheap', strict: true, max_attempts: 2 } },
    ],
    ['to no models at all', { allowed_models: [] }, { allowed_models: [] }],
    [
      'of a time in another form',
      { expires_at: '2027-01-01T00:00:00+01:00' },
      { expires_at: '2026-12-31T23:00:00.000Z' },
    ],
    [
      'to every default',
      {
        ...{ name: null, disabled: null, allowed_models: null, policy: null, budget: null },
        ...{ share: null, limits: null, expires_at: null },
      },
      {
        ...{ name: null, disabled: false, allowed_models: null, policy: {}, budget: {} },
        ...{ share: 1, limits: {}, expires_at: null },
      },
    ],
  ])('%s leaves all else as it was', (_what, body, expected) => {
    expect(change(body)).toEqual({ ...KEY, ...expected });
  });

  it('that is a whole definition leaves nothing but the secrets', () => {
    const body = { project: 'p', scopes: ['chat'] } as KeyDefinitionDto;
    expect(definedKey(body, KEY.secrets)).toEqual({
      ...{ project: 'p', scopes: ['chat'], name: null, disabled: false, allowed_models: null, policy: {} },
      ...{ budget: {}, share: 1, limits: {}, expires_at: null, secrets: KEY.secrets },
    });
  });
});
