import { describe, expect, it } from '@jest/globals';
import { readmeCommands } from './readme-commands.js';

const README = [
  '# Product',
  '```sh',
  'not this one',
  '```',
  '## Quick start',
  'Text, and a block that is no shell:',
  '```json',
  '{ "a": 1 }',
  '```',
  '```sh',
  '# a comment',
  'npm start',
  '',
  "curl -s localhost:8080/v1/jobs -d '{",
  '  "text": "it\\"s"',
  "}'",
  '```',
  '### Streaming',
  '```sh',
  'curl -N localhost:8080/v1/chat/completions \\',
  '  -H "content-type: application/json"',
  '```',
  '## Next',
  '```sh',
  'nor this',
  '```',
].join('\n');

describe('readmeCommands', () => {
  it('gives the section’s shell commands exactly as written, also over several lines', () => {
    expect(readmeCommands(README, '## Quick start')).toEqual([
      'npm start',
      'curl -s localhost:8080/v1/jobs -d \'{\n  "text": "it\\"s"\n}\'',
      'curl -N localhost:8080/v1/chat/completions \\\n  -H "content-type: application/json"',
    ]);
  });

  it('refuses a heading that is not there and a quote that never closes', () => {
    expect(() => readmeCommands(README, '## Install')).toThrow('no heading "## Install"');
    expect(() => readmeCommands("## A\n```sh\necho 'x\n```", '## A')).toThrow('a quote is left open');
  });
});
