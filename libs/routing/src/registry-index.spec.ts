import { describe, expect, it } from '@jest/globals';
import type { RegistrySnapshot } from '#contracts/registry-snapshot.js';
import { indexRegistry } from './registry-index.js';

const snapshot = (): RegistrySnapshot => ({
  version: 1,
  providers: [],
  models: [],
  aliases: [{ id: 'smart', members: [{ model: 'a', weight: 3 }], stickyBy: 'key' }],
});

describe('indexRegistry', () => {
  it('arranges a snapshot once, however often it is asked, and another snapshot anew', () => {
    const first = snapshot();
    expect(indexRegistry(first)).toBe(indexRegistry(first));
    expect(indexRegistry(snapshot())).not.toBe(indexRegistry(first));
  });

  it("gives an alias's weights by model", () => {
    expect(indexRegistry(snapshot()).aliasesById.get('smart')?.members.get('a')).toBe(3);
  });
});
