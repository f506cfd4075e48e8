import { createParser } from 'eventsource-parser';
import { seedOf, wordPieces } from '../../apps/simulator/src/deterministic-text.js';
import { answerOf, contentOf, type Answer, type Job, type ServerEvent } from './doors.js';
import { partyOf } from './fault-cells.js';
import { textOf, type Seen } from './fault-outcomes.js';

/** What every request of the table asks; the simulator's words depend on it and the model alone. */
export const PROMPT = 'Say something about faults';

/** An answer in one piece, or an error in place of a stream. */
export function seenInBody(answer: Answer, job: Job): Seen {
  const { status, body } = answer;
  const [choice] = (body.choices ?? []) as { message: { content: string }; finish_reason: string }[];
  const { code = null } = (body.error ?? {}) as { code?: string };
  const text = whose(choice?.message.content ?? '', job);
  return {
    status,
    text,
    finish: choice?.finish_reason ?? null,
    ending: 'body',
    error: code,
    named: namedIn(answer),
    events: [],
  };
}

/** OpenAI's chunks. The closing marker counts only as the one last thing that came. */
export function seenInStream(answer: Answer, job: Job): Seen {
  const said = streamed(answer.text);
  const last = said.at(-1) ?? '';
  const chunks = said.filter((data) => data !== '[DONE]').map((data) => JSON.parse(data) as Chunk);
  const choices = chunks.flatMap((chunk) => chunk.choices ?? []);
  const error = chunks.at(-1)?.error ?? null;
  return {
    status: answer.status,
    text: whose(choices.map(({ delta }) => delta.content ?? '').join(''), job),
    finish: choices.map(({ finish_reason: reason }) => reason).findLast((reason) => reason !== null) ?? null,
    ending: said.indexOf('[DONE]') === said.length - 1 ? last : error ? 'error' : last,
    error: error?.code ?? null,
    named: namedIn(answer),
    events: [],
  };
}

interface Chunk {
  choices?: { delta: { content?: string }; finish_reason: string | null }[];
  error?: { code: string };
}

function streamed(text: string): string[] {
  const said: string[] = [];
  const parser = createParser({ onEvent: ({ data }) => said.push(data) });
  parser.feed(text);
  return said;
}

/** A job's events and its result, which must not contradict each other. */
export function seenInEvents(events: readonly ServerEvent[], { job, result }: { job: Job; result: Answer }): Seen {
  const types = events.map(({ type }) => type);
  const content = contentOf([...events]);
  if (job.state === 'completed' && answerOf(job) !== content) throw new Error(`read ${content}, not ${answerOf(job)}`);
  const [choice] = (result.body.choices ?? []) as { finish_reason: string }[];
  return {
    status: result.status,
    text: whose(content, job),
    finish: choice?.finish_reason ?? null,
    ending: types.at(-1) ?? 'nothing',
    error: typeof result.body.code === 'string' ? result.body.code : null,
    named: `${partyOf(job.provider ?? '')} after ${job.attempts.length}`,
    events: types.filter((type, i) => type !== 'output.delta' || types[i - 1] !== type),
  };
}

function namedIn({ headers }: Answer): string | null {
  const [model, provider] = [headers.get('x-tokenhub-model'), headers.get('x-tokenhub-provider')];
  if (model === null || provider === null) return null;
  if (partyOf(model) !== partyOf(provider)) return `${model} of ${provider}`;
  return `${partyOf(model)} after ${headers.get('x-tokenhub-attempts')}`;
}

/** Which candidate of the job says so, or the text itself where none does. */
function whose(text: string, { attempts }: Job): string {
  if (text === '') return textOf('primary', 'none');
  for (const model of new Set(attempts.map((attempt) => attempt.model))) {
    const whole = wordPieces(seedOf(PROMPT, seedOf(model)), 16).join('');
    if (whole.startsWith(text)) return textOf(partyOf(model), text === whole ? 'all' : 'beginning');
  }
  return text;
}
