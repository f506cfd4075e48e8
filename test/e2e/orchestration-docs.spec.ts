import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { readmeCommands } from '#testing/readme-commands.js';
import { repositoryRoot } from '#testing/repository-root.js';
import { startStack, type Stack } from '#testing/stack.js';

/* Every command of docs/orchestration.md, as a reader would run it; only the port is this stack's own. */

const shell = promisify(execFile);
const page = readFileSync(join(repositoryRoot(), 'docs/orchestration.md'), 'utf8');
const commands = readmeCommands(page, '# Orchestration');

let stack: Stack;

beforeAll(async () => {
  stack = await startStack({ appendfsync: 'no' });
});

afterAll(() => stack.stop());

describe('docs/orchestration.md', () => {
  it.each(['/v1/jobs', '/v1/chat/completions', '/v1/plan', '/v1/chat', '/v1/adversarial', '/v1/route/explain'])(
    'shows %s',
    (path) => {
      expect(commands.filter((command) => command.includes(`localhost:8080${path} `))).not.toHaveLength(0);
    },
  );

  it.each(commands)('%s', async (command) => {
    const { stdout } = await shell('sh', ['-c', command.replaceAll('localhost:8080', new URL(stack.url).host)]);
    if (command.includes('"stream":true')) {
      expect(stdout.trim().split('\n').at(-1)).toBe('data: [DONE]');
      return;
    }
    const body = JSON.parse(stdout) as Record<string, unknown>;
    expect(body.error ?? null).toBeNull();
    expect(body).not.toHaveProperty('code');
    if (command.includes('/v1/jobs')) expect(body.state).toBe('completed');
    if (command.includes('/v1/adversarial')) {
      expect(body).toMatchObject({
        initial_plan: expect.any(String) as unknown,
        refined_plan: expect.any(String) as unknown,
      });
    }
  });
});
