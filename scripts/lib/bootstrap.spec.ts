import { describe, expect, it } from '@jest/globals';
import { nodeProblem, whyInstall } from './bootstrap.mjs';

const lock = {
  packages: {
    '': { version: '0.1.0' },
    'node_modules/a': { version: '1.0.0' },
    'node_modules/a/node_modules/@x/b': { version: '2.0.0' },
    'node_modules/only-on-arm': { version: '3.0.0', optional: true },
  },
};
const a = { 'node_modules/a': { version: '1.0.0' } };
const b = { 'node_modules/a/node_modules/@x/b': { version: '2.0.0' } };

describe('whyInstall', () => {
  it.each([
    { when: 'nothing is installed', installed: undefined, reason: 'none are installed yet' },
    {
      when: 'a package is missing',
      installed: { packages: { ...a } },
      reason: '@x/b is missing, package-lock.json says 2.0.0',
    },
    {
      when: 'a version differs',
      installed: { packages: { ...b, 'node_modules/a': { version: '0.9.0' } } },
      reason: 'a is 0.9.0, package-lock.json says 1.0.0',
    },
    {
      when: 'all but a platform’s optional package is there',
      installed: { packages: { ...a, ...b } },
      reason: undefined,
    },
    {
      when: 'there is one package too many',
      installed: { packages: { ...a, ...b, 'node_modules/c': { version: '1.0.0' } } },
      reason: undefined,
    },
  ])('when $when: $reason', ({ installed, reason }) => {
    expect(whyInstall(lock, installed)).toBe(reason);
  });

  it('says so when the lock file itself is missing', () => {
    expect(whyInstall(undefined, { packages: {} })).toBe('there is no package-lock.json');
  });
});

describe('nodeProblem', () => {
  it.each([
    ['18.20.4', /needs Node 20 or later.*this is Node 18\.20\.4/],
    ['20.0.0', undefined],
    ['24.21.0', undefined],
  ])('for Node %s: %s', (version, problem) => {
    const said = nodeProblem(version);
    if (problem) expect(said).toMatch(problem);
    else expect(said).toBeUndefined();
  });
});
