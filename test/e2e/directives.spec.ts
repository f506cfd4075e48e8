import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { type Stack, startStack } from '#testing/stack.js';
import { type MixedText, mixedText, remainderOf } from '#testing/texts-with-directives.js';
import { CHAT, COMPLETIONS, EMBEDDINGS, EXPLAIN, JOBS } from './bad-bodies.js';
import { type Answer, ask, chat, everythingIn, type Json, SimulatorControl } from './doors.js';

let stack: Stack;
let simulator: SimulatorControl;

/** Stands in every directive of this suite, and must be seen nowhere else. */
const CANARY = 'canary7231';
const D = `@@tokenhub primary_model_id=${CANARY}`;
const BLOCK = `@@tokenhub\n${CANARY}\n@@end`;
const TOOL = { type: 'function', function: { name: 'look', parameters: { type: 'object', properties: {} } } };

beforeAll(async () => {
  stack = await startStack({ appendfsync: 'no', env: { TOKENHUB_LOG_LEVEL: 'debug' } });
  simulator = new SimulatorControl(stack.simulatorUrl);
});

beforeEach(() => simulator.reset());

afterAll(async () => {
  await stack.stop();
});

/** A request at one of the doors that call a provider, waited for; a chat is also posted as a job. */
const DOORS: [string, string, (request: Json) => Json][] = [
  ['chat completions', CHAT, (request) => request],
  ['a chat job', JOBS, (request) => ({ type: 'chat', request })],
];

async function send(path: string, body: Json): Promise<Answer> {
  return ask(stack.url + path, { body, headers: path === JOBS ? { prefer: 'wait=20' } : {} });
}

/** What reached the provider for a request, which must succeed. */
async function sentFor(path: string, body: Json): Promise<Json> {
  await simulator.reset();
  const answer = await send(path, body);
  expect({ status: answer.status, text: answer.status === 200 ? '' : answer.text }).toEqual({ status: 200, text: '' });
  const bodies = await simulator.bodies();
  expect(bodies).toHaveLength(1);
  return bodies[0] ?? {};
}

function expectNoDirective(value: unknown): void {
  const text = JSON.stringify(value);
  expect(text).not.toMatch(/@@tokenhub/i);
  expect(text).not.toContain(CANARY);
}

describe.each(DOORS)('a directive in %s never reaches a provider', (_what, path, envelope) => {
  const conversation = (say: (text: string, left: string) => string): Json[] => [
    { role: 'system', content: 'Be brief.' },
    { role: 'developer', content: say(`a\n${D}\nb`, 'a\nb') },
    { role: 'user', content: say(`c ${D}\nd`, 'c \nd') },
    {
      role: 'assistant',
      content: say(`${BLOCK}e`, 'e'),
      tool_calls: [
        {
          id: 'call_1',
          type: 'function',
          function: { name: 'look', arguments: say(`{"q": "f ${D}", "n": 1.0}`, '{"q": "f ", "n": 1.0}') },
        },
      ],
    },
    { role: 'tool', tool_call_id: 'call_1', content: say(`g ${D}`, 'g ') },
    {
      role: 'user',
      content: [
        { type: 'text', text: say(`h\n@@tok`, 'h\n') },
        { type: 'text', text: say(`enhub ${CANARY}\ni`, 'i') },
      ],
    },
    { role: 'user', content: 'Go on.' },
  ];
  const body = (say: (text: string, left: string) => string): Json => ({
    model: 'sim-small',
    messages: conversation(say),
    tools: [{ ...TOOL, function: { ...TOOL.function, description: say(`j ${D}`, 'j ') } }],
    user: say(`k${D}`, 'k'),
    stop: [say(`l${D}`, 'l')],
    mood: { deep: [{ [say(`m${D}`, 'm')]: say(D, '') }] },
  });

  it('wherever it stands; the rest is the client’s', async () => {
    const sent = await sentFor(path, envelope(body((text) => text)));
    expectNoDirective(sent);
    expect(sent).toMatchObject(body((_text, left) => left));
  });

  it('where it is obeyed, too', async () => {
    const messages = [
      { role: 'developer', content: '@@tokenhub mode=cheap\nBe brief.' },
      { role: 'user', content: '@@tokenhub\nlatency=60000\n@@end\nSay hello' },
    ];
    const sent = await sentFor(path, envelope({ messages }));
    expect(sent.messages).toEqual([
      { role: 'developer', content: 'Be brief.' },
      { role: 'user', content: 'Say hello' },
    ]);
  });
});

it.each<[string, string, Json, Json]>([
  [
    'a completion',
    COMPLETIONS,
    { prompt: 'a\n@@tokenhub mode=cheap\nb', suffix: `c ${D}` },
    { prompt: 'a\nb', suffix: 'c ' },
  ],
  ['completions', COMPLETIONS, { prompt: ['a', `b ${D}`] }, { prompt: ['a', 'b '] }],
  ['an embedding', EMBEDDINGS, { model: 'sim-embedding', input: `a ${D}`, user: D }, { input: 'a ', user: '' }],
  ['embeddings', EMBEDDINGS, { model: 'sim-embedding', input: [`${BLOCK}a`, 'b'] }, { input: ['a', 'b'] }],
  [
    'an embedding job',
    JOBS,
    { type: 'embedding', request: { model: 'sim-embedding', input: `a ${D}` } },
    { input: 'a ' },
  ],
  ['a completion job', JOBS, { type: 'completion', request: { prompt: '@@tokenhub mode=cheap\na' } }, { prompt: 'a' }],
  ['token ids', COMPLETIONS, { prompt: [1, 2, 3] }, { prompt: [1, 2, 3] }],
  ['a stream', CHAT, chat({ stream: true, user: `a${D}` }), { user: 'a', stream: true }],
])('%s goes to its provider without directives', async (_what, path, body, left) => {
  const sent = await sentFor(path, body);
  expectNoDirective(sent);
  expect(sent).toMatchObject(left);
});

describe('a directive that is obeyed', () => {
  const explain = async (content: string, policy: Json = {}): Promise<Json> => {
    const request = { messages: [{ role: 'user', content }] };
    return (await send(EXPLAIN, { type: 'chat', request, policy })).body;
  };

  it('chooses the score, the weight and the budget of the decision', async () => {
    expect(await explain('hi')).toMatchObject({ mode: 'normal' });
    expect(await explain('@@tokenhub mode=cheap\nhi')).toMatchObject({
      mode: 'cheap',
      candidates: [{ model: 'sim-small' }, {}],
    });
    expect(await explain('@@tokenhub mode=high_confidence\nhi')).toMatchObject({
      mode: 'high_confidence',
      candidates: [{ model: 'sim-large' }, {}],
    });
    expect(await explain('@@tokenhub min_weight=5\nhi')).toMatchObject({
      candidates: [{ model: 'sim-large' }],
      excluded: expect.arrayContaining([expect.objectContaining({ model: 'sim-small', reason: 'weight' })]) as unknown,
    });
    expect(await explain('@@tokenhub budget=0.001\nhi')).toMatchObject({
      candidates: [{ model: 'sim-small' }],
      excluded: expect.arrayContaining([expect.objectContaining({ model: 'sim-large', reason: 'budget' })]) as unknown,
    });
  });

  it('only tightens what the policy says', async () => {
    expect(await explain('@@tokenhub min_weight=1 budget=50\nhi', { min_weight: 5 })).toMatchObject({
      candidates: [{ model: 'sim-large' }],
    });
    expect(await explain('@@tokenhub budget=50\nhi', { max_budget_usd: 0.001 })).toMatchObject({
      candidates: [{ model: 'sim-small' }],
    });
  });

  it('decides which model answers, at every door', async () => {
    const messages = [{ role: 'user', content: '@@tokenhub min_weight=5\nhi' }];
    const answer = await send(CHAT, { messages });
    expect(answer.headers.get('x-tokenhub-model')).toBe('sim-large');
    expect((await send(JOBS, { type: 'chat', request: { messages } })).body).toMatchObject({ model: 'sim-large' });
    expect((await sentFor(COMPLETIONS, { prompt: '@@tokenhub min_weight=5\nhi' })).model).toBe('sim-large');
  });

  it('is one of the words only in the last user message', async () => {
    const messages = [
      { role: 'user', content: '@@tokenhub min_weight=5\nhi' },
      { role: 'assistant', content: '@@tokenhub min_weight=9' },
      { role: 'user', content: '@@tokenhub mode=cheap\nhi' },
    ];
    expect((await send(CHAT, { messages })).headers.get('x-tokenhub-model')).toBe('sim-small');
  });
});

describe('a directive that cannot be obeyed is refused by its key, and nothing is written or called', () => {
  const CASES: [string, Json[], string, RegExp][] = [
    ['out of bounds', [{ role: 'user', content: '@@tokenhub budget=101' }], '@@tokenhub.budget', /up to 100/],
    ['unparsable', [{ role: 'system', content: `@@tokenhub latency=${CANARY}` }], '@@tokenhub.latency', /whole number/],
    ['an unknown key', [{ role: 'user', content: `@@tokenhub spede=${CANARY}` }], '@@tokenhub.spede', /does not exist/],
    [
      'two that contradict each other',
      [
        { role: 'system', content: '@@tokenhub mode=cheap' },
        { role: 'user', content: '@@tokenhub mode=normal' },
      ],
      '@@tokenhub.mode',
      /two different values/,
    ],
    ['an unclosed block', [{ role: 'user', content: `@@tokenhub\nprimary_model_id=${CANARY}` }], '@@tokenhub', /@@end/],
    [
      '100 kB',
      [{ role: 'user', content: `@@tokenhub output_schema=${CANARY.repeat(10_000)}` }],
      '@@tokenhub',
      /too long/,
    ],
    [
      'an orchestration’s key alone',
      [{ role: 'user', content: '@@tokenhub iterations=2' }],
      '@@tokenhub.iterations',
      /orchestration/,
    ],
    ['prose', [{ role: 'user', content: `What is @@tokenhub ${CANARY} about?` }], '@@tokenhub', /key=value/],
  ];

  describe.each([...DOORS, ['explain', EXPLAIN, (request: Json) => ({ type: 'chat', request })]] as typeof DOORS)(
    'at %s',
    (_door, path, envelope) => {
      it.each(CASES)('%s', async (_what, messages, param, message) => {
        const { status, body, text } = await send(path, envelope({ messages }));
        expect(status).toBe(400);
        const error = path === CHAT ? (body.error as Json) : { ...body, message: body.detail };
        expect(error).toMatchObject({
          code: 'invalid_value',
          param,
          message: expect.stringMatching(message) as unknown,
        });
        expect(text).not.toContain(CANARY);
        expect((await simulator.counters()).requests).toBe(0);
      });
    },
  );

  it('what is left of a prompt must still be one', async () => {
    const { status, body } = await send(COMPLETIONS, { prompt: '@@tokenhub mode=cheap' });
    expect(status).toBe(400);
    expect(body.error).toMatchObject({ code: 'invalid_value', param: 'prompt' });
  });
});

describe('malformed directives elsewhere go silently', () => {
  it.each<[string, string, string]>([
    ['an unclosed block', `a\n@@tokenhub\nb`, 'a\nb'],
    ['100 kB', `a\n@@tokenhub ${CANARY.repeat(10_000)}\nb`, 'a\nb'],
    ['10,000 of them', `${D}\nx\n`.repeat(10_000), 'x\n'.repeat(10_000)],
    ['one that is beyond the first 2 kB', `${'x'.repeat(2_048)}${D}\nb`, `${'x'.repeat(2_048)}\nb`],
    ['one in the middle of another', `a@@tok${BLOCK}enhub ${CANARY}\nb`, 'a\nb'],
  ])('%s', async (what, content, left) => {
    // The last but one message is not obeyed; a place past the first 2 kB of the last one neither.
    const late = what.includes('2 kB');
    const messages = [{ role: 'user', content }, ...(late ? [] : [{ role: 'user', content: 'hi' }])];
    expect((await sentFor(CHAT, { messages })).messages).toEqual([
      { role: 'user', content: left },
      ...messages.slice(1),
    ]);
  });
});

it('whatever a client mixes, at any door, its own text arrives and no directive does', async () => {
  const FILLER = `${'x'.repeat(2_048)}\n`;
  const door = fc.constantFrom('chat', 'job', 'completion', 'embedding');
  const anyText = mixedText({ atLeast: 1 });
  await fc.assert(
    fc.asyncProperty(door, anyText, anyText, anyText, async (kind, one, two, three) => {
      const of = (say: (mixed: MixedText) => string): Json => {
        const odd = { mood: [{ [`k\n${say(three)}`]: say(one) }] };
        switch (kind) {
          case 'completion':
            return { prompt: [`${FILLER}${say(one)}`, `x\n${say(two)}`], ...odd };
          case 'embedding':
            return { model: 'sim-embedding', input: [`x\n${say(one)}`, `x\n${say(two)}`], ...odd };
          default:
            return {
              messages: [
                { role: 'system', content: `${FILLER}${say(one)}` },
                { role: 'user', content: [{ type: 'text', text: `x\n${say(two)}` }] },
                {
                  role: 'user',
                  content: [
                    { type: 'text', text: FILLER },
                    { type: 'text', text: `x\n${say(three)}` },
                  ],
                },
              ],
              ...odd,
            };
        }
      };
      const path = { chat: CHAT, job: JOBS, completion: COMPLETIONS, embedding: EMBEDDINGS }[kind];
      const request = of(({ text }) => text);
      const sent = await sentFor(path, kind === 'job' ? { type: 'chat', request } : request);
      expect(sent).toMatchObject(of(remainderOf));
      expect(JSON.stringify(sent)).not.toMatch(/@@tokenhub/i);
    }),
    { numRuns: 40 },
  );
}, 120_000);

it('no directive is in the store, nor in what any process has logged', async () => {
  await sentFor(CHAT, chat({ user: `a ${D}` }));
  await simulator.arm({ fault: { kind: 'status', status: 500 }, times: 1 });
  await send(JOBS, {
    type: 'chat',
    request: chat({ user: `a ${D}`, messages: [{ role: 'user', content: `@@tokenhub x${CANARY}` }] }),
  });
  const stored = await everythingIn(stack.redis.url);
  expect(stored).toContain('Say hello');
  expect(stored).not.toMatch(/@@tokenhub/i);
  expect(stored).not.toContain(CANARY);
  const lines = [...stack.apis, ...stack.workers].flatMap((process) => process.lines);
  expect(lines.length).toBeGreaterThan(0);
  // All that was logged is still there to be looked at.
  for (const process of [...stack.apis, ...stack.workers]) expect(process.lines.length).toBeLessThan(2_000);
  expect(lines.filter((line) => /@@tokenhub/i.test(line) || line.includes(CANARY))).toEqual([]);
});
