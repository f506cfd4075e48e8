import type { PublicError } from '#contracts/attempt.js';
import type { JsonObject } from '#contracts/json.js';
import type { StepOutput } from '#contracts/orchestration.js';
import {
  FIRST_ASK,
  LEAST_QUOTE_CHARACTERS,
  outputsOf,
  type Ask,
  type Graph,
  type GraphStep,
  type StepCall,
} from '#jobs/graph-record.js';
import { answerOf, completionWith } from '#orchestration/answer-text.js';
import { outputTokens } from '#orchestration/output-tokens.js';
import { readStep } from '#orchestration/read-step.js';
import { judgedCandidates, quotedCharacters } from '#orchestration/step-request.js';
import { isAnswering } from '#orchestration/steps-of.js';
import type { LiveRegistry } from '#registry/live-registry.js';
import type { AnswerReader } from '#structured-output/read-answer.js';
import { stripDirectives } from '#directives/strip-directives.js';
import { outputInvalid } from './output-invalid.js';

/** A quote that did not fit is cut in half so often. */
const MOST_SHORTENINGS = 4;

/** What a call's answer is good for: the step's end, or another call. */
type Judgement = { output: StepOutput } | { error: PublicError } | { ask: Ask };

export interface SettleStepDeps {
  reader: AnswerReader;
  registry: LiveRegistry;
}

/** Judges what a step's call has come to: the step ends with it, or asks once more. */
export class SettleStep {
  constructor(private readonly deps: SettleStepDeps) {}

  /**
   * Ends a step in progress in `graph`, where its call has ended and is good for that; the caller commits it. Answers with what is to be
   * asked once more where it is not, else with null.
   */
  async settle(graph: Graph, step: GraphStep): Promise<Ask | null> {
    const { call } = step;
    if (call === null || !isToBeRead(call)) return null;
    const judgement =
      call.outcome === 'failed' ? this.judgeFailure(graph, step, call) : await this.judge(graph, step, call);
    if ('ask' in judgement) return judgement.ask;
    Object.assign(step, judgement, { state: 'output' in judgement ? 'completed' : 'failed' });
    return null;
  }

  private async judge(graph: Graph, step: GraphStep, call: StepCall): Promise<Judgement> {
    const { output } = graph.plan;
    let completion: JsonObject = call.result ?? {};
    if (output !== null && isAnswering(step.name) && !callsTools(completion)) {
      const read = await this.deps.reader.read(answerOf(completion), output);
      if (read.kind === 'invalid') return this.rejected(step, call, read);
      completion = completionWith(completion, read.text);
    }
    const { model, provider } = call;
    const candidateIds = judgedCandidates(step, outputsOf(graph));
    // Steps after this one quote it: what was read is free of directives, what the client is given is as the model wrote it.
    const quotable = completionWith(completion, stripDirectives(answerOf(completion)));
    const read = readStep({ node: step, completion: quotable, model, provider, candidateIds });
    if (read.output.completion !== null) read.output.completion = completion;
    const tokens = outputTokens(call.result ?? {}, read.output.text);
    if (tokens !== undefined) read.output.tokens = tokens;
    if (read.kind === 'unreadable' && step.ask?.why === 'first') {
      const errors = ['It does not end with a verdict line in the form that was asked for.'];
      return { ask: { ...step.ask, why: 'again', rejected: { text: read.output.text, errors, model } } };
    }
    return { output: read.output };
  }

  /** Asked again with what was wrong, then a stronger model, then no more. */
  private rejected(step: GraphStep, call: StepCall, read: { text: string; errors: string[] }): Judgement {
    const { model } = call;
    const ask = step.ask ?? FIRST_ASK;
    const rejected = { text: stripDirectives(read.text), errors: read.errors.map(stripDirectives), model };
    switch (ask.why) {
      case 'first':
        return { ask: { ...ask, why: 'again', rejected } };
      case 'again':
        return { ask: { ...ask, why: 'stronger', refused: false, rejected } };
      case 'stronger':
        return { error: outputInvalid(rejected) };
    }
  }

  private judgeFailure(graph: Graph, step: GraphStep, call: StepCall): Judgement {
    const error = call.error ?? UNEXPLAINED;
    const ask = step.ask ?? FIRST_ASK;
    if (error.class === null && error.code === 'budget_exceeded') return { error };
    // A provider that does not take the schema itself may still follow the words.
    if (error.class === 'invalid_request' && ask.native && this.takesSchemas(call.model))
      return { ask: { ...ask, refused: true } };
    if (error.class === 'context_overflow' && error.code !== 'stream_interrupted' && step.calls <= MOST_SHORTENINGS) {
      const quoted = ask.quoteCharacters ?? quotedCharacters(step, graph.request, outputsOf(graph));
      const quoteCharacters = Math.floor(quoted / 2);
      if (quoteCharacters >= LEAST_QUOTE_CHARACTERS) return { ask: { ...ask, quoteCharacters } };
    }
    if (ask.why === 'stronger' && ask.rejected) return { error: outputInvalid(ask.rejected) };
    return { error };
  }

  /** Only such a model was sent it. */
  private takesSchemas(model: string): boolean {
    const { models } = this.deps.registry.current.snapshot;
    return models.find(({ id }) => id === model)?.capabilities.includes('json_schema') ?? false;
  }
}

const UNEXPLAINED: PublicError = {
  code: 'internal_error',
  message: 'The call failed.',
  class: null,
  providerStatus: null,
};

/** Not one that goes on, nor one with which the job itself ends as soon as its last call has. */
function isToBeRead({ outcome }: StepCall): boolean {
  return outcome === 'completed' || outcome === 'failed';
}

/** An answer that calls tools is not the text that a form was asked for. */
function callsTools(completion: JsonObject): boolean {
  const [choice] = (Array.isArray(completion.choices) ? completion.choices : []) as JsonObject[];
  const message = choice?.message as JsonObject | undefined;
  return Array.isArray(message?.tool_calls) && message.tool_calls.length > 0;
}
