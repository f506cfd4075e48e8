import { afterEach, expect, it, jest } from '@jest/globals';
import { loadConfig } from '#platform/config/load-config.js';
import { generateKey, main } from './main.ts';

afterEach(() => {
  jest.restoreAllMocks();
});

it('generate-key prints a key that the vault takes, another one each time', async () => {
  const log = jest.spyOn(console, 'log').mockImplementation(() => undefined);
  expect(await main(['generate-key'])).toBe(0);
  expect(await main(['generate-key'])).toBe(0);
  const printed = log.mock.calls.map(([line]) => String(line));
  expect(new Set(printed).size).toBe(2);
  for (const TOKENHUB_ENCRYPTION_KEY of printed) {
    const { config } = loadConfig({ env: { TOKENHUB_ENCRYPTION_KEY }, cwd: '/nowhere' });
    expect(config.vault.keys().encryptionKey).toHaveLength(32);
  }
});

it('a key is as good as a cluster secret', () => {
  const { config } = loadConfig({ env: { TOKENHUB_CLUSTER_SECRET: generateKey() }, cwd: '/nowhere' });
  expect(config.vault.keys().clusterSecret?.length).toBeGreaterThanOrEqual(32);
});

it.each([[[]], [['other']], [['generate-key', 'more']]])('%j shows the usage, and prints no key', async (args) => {
  const log = jest.spyOn(console, 'log').mockImplementation(() => undefined);
  const error = jest.spyOn(console, 'error').mockImplementation(() => undefined);
  expect(await main(args)).toBe(2);
  expect(log).not.toHaveBeenCalled();
  expect(error).toHaveBeenCalledWith(expect.stringContaining('generate-key'));
});
