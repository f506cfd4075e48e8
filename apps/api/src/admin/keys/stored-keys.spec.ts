import { describe, expect, it } from '@jest/globals';
import { TokenhubError } from '#contracts/error-catalogue.js';
import { SettingsConflict, type SettingsDocument, type SettingsStore } from '#settings/settings-store.js';
import { StoredKeys, type StoredKeysDeps } from './stored-keys.js';

const DOCUMENT: SettingsDocument = {
  ...{ kind: 'key', id: 'k', definition: { share: 1 }, version: 7, createdMs: 0, updatedMs: 0 },
};
const INSERT = { change: 'insert', kind: 'key', id: 'k', definition: {} } as const;
const by = { actor: 'token', requestId: 'req_1' };
const UNCHECKED = { check: () => undefined, by };

function stored(settings: Partial<SettingsStore> | null, deps: Partial<StoredKeysDeps> = {}) {
  const told: string[] = [];
  const keys = new StoredKeys({
    settings: settings as SettingsStore | null,
    publisher: { publish: (revision) => Promise.resolve(void told.push(`published ${revision}`)) },
    ...deps,
  });
  return { keys, told };
}

const changing = (change: () => Promise<unknown>): Partial<SettingsStore> => ({
  change: change as SettingsStore['change'],
  read: () => Promise.resolve(DOCUMENT),
});

describe('without a database', () => {
  it('there is nothing, and nothing can be set', async () => {
    const { keys, told } = stored(null);
    expect(await keys.all('key')).toEqual([]);
    await expect(keys.read('key', 'k')).rejects.toMatchObject({ code: 'key_not_found' });
    await expect(keys.write(INSERT, UNCHECKED)).rejects.toMatchObject({ code: 'settings_not_kept', status: 409 });
    expect(told).toEqual([]);
  });
});

describe('a change', () => {
  it('is told to everybody once it is committed', async () => {
    const { keys, told } = stored(changing(() => Promise.resolve({ documents: [DOCUMENT], revision: 8 })));
    expect(await keys.write(INSERT, UNCHECKED)).toBe(DOCUMENT);
    expect(told).toEqual(['published 8']);
  });

  it('that is committed is not answered as done when it could not be told', async () => {
    const notTold = new Error('not yet known everywhere');
    const { keys } = stored(
      changing(() => Promise.resolve({ documents: [DOCUMENT], revision: 8 })),
      { publisher: { publish: () => Promise.reject(notTold) } },
    );
    await expect(keys.write(INSERT, UNCHECKED)).rejects.toBe(notTold);
  });

  it('that makes a secret is answered once it is saved: nobody is shown the secret again', async () => {
    const publisher: StoredKeysDeps['publisher'] = {
      publish: (_revision, options) =>
        options?.until === 'commit' ? Promise.resolve() : Promise.reject(new TokenhubError('store_unavailable')),
    };
    const { keys } = stored(
      changing(() => Promise.resolve({ documents: [DOCUMENT], revision: 8 })),
      { publisher },
    );
    expect(await keys.write(INSERT, { ...UNCHECKED, until: 'commit' })).toBe(DOCUMENT);
    const update = { kind: 'key', id: 'k', ifMatch: undefined, by } as const;
    const how = { next: (current: object) => current, check: () => undefined, until: 'commit' } as const;
    expect(await keys.update(update, how)).toBe(DOCUMENT);
  });

  it.each([
    ['exists', 'already_exists'],
    ['missing', 'key_not_found'],
    ['stale', 'precondition_failed'],
  ] as const)('that was refused because it %s is told to nobody', async (reason, code) => {
    const refused = new SettingsConflict(reason, { kind: 'key', id: 'k' });
    const { keys, told } = stored(changing(() => Promise.reject(refused)));
    await expect(keys.write(INSERT, UNCHECKED)).rejects.toMatchObject({ code });
    expect(told).toEqual([]);
  });

  it('without If-Match is made again upon what another has changed; with it, it is refused', async () => {
    let turn = 0;
    const once = (): Promise<unknown> =>
      turn++ === 0
        ? Promise.reject(new SettingsConflict('stale', { kind: 'key', id: 'k' }))
        : Promise.resolve({ documents: [DOCUMENT] });
    const { keys } = stored(changing(once));
    const how = { next: (current: object) => current, ...UNCHECKED };
    expect(await keys.update({ kind: 'key', id: 'k', ifMatch: undefined, by }, how)).toBe(DOCUMENT);
    turn = 0;
    const subject = { kind: 'key', id: 'k', ifMatch: '"7"', by } as const;
    await expect(keys.update(subject, how)).rejects.toMatchObject({ code: 'precondition_failed' });
    await expect(keys.update({ ...subject, ifMatch: '"6"' }, how)).rejects.toMatchObject({ status: 412 });
  });
});
