import type { RateLimitReading } from '#contracts/rate-limits.js';
import type { Model, Price, Provider, ProviderType } from '#contracts/registry-snapshot.js';
import type { JsonObject } from '#contracts/json.js';
import { NO_USAGE, type Usage } from '#contracts/usage.js';
import type { AttemptStore, BegunRun, Run } from '#jobs/attempt-store.js';
import type { Logger } from '#platform/logging.js';
import type { ProviderAdapter, ProviderAnswer, ProviderCall } from '#providers/provider-adapter.js';
import { ProviderError } from '#providers/provider-error.js';
import type { VllmEndpoints } from '#providers/vllm/vllm-endpoints.js';
import type { TokenCounter } from '#tokens/count-tokens.js';
import { answerText } from './answer-text.js';
import { OutputWriter } from './output-writer.js';
import type { ProviderDirectory } from './provider-directory.js';
import { AttemptStopped } from './running-attempts.js';

/** What became of one call to a provider. */
export interface CallReport {
  outcome:
    | { kind: 'answered'; body: string }
    | { kind: 'failed'; error: ProviderError }
    | { kind: 'stopped'; stopped: AttemptStopped }
    /** The vault was locked at this moment, and nothing was sent. */
    | { kind: 'locked' };
  usage: Usage | null;
  /** Of the model when it was called: it may be gone from the registry by now. Null when nothing was called. */
  price: Price | null;
  usageEstimated: boolean;
  ttftMs: number | null;
  /** Fields of the body that the vendor has nothing for. */
  dropped: string[];
  durationMs: number;
  /** What the provider said of its limits; null when it said nothing. */
  rateLimits: RateLimitReading | null;
  /** Readers have seen output of this attempt. */
  committed: boolean;
}

export type AdapterFor = (type: ProviderType) => ProviderAdapter;

export interface CallProviderDeps {
  directory: ProviderDirectory;
  adapterFor: AdapterFor;
  endpoints: VllmEndpoints;
  attempts: AttemptStore;
  tokens: TokenCounter;
  logger: Logger;
}

/** Sends a call to the candidate whose turn it is, streaming the output to the job's events when somebody wants it. */
export class CallProvider {
  constructor(private readonly deps: CallProviderDeps) {}

  /** Never rejects for what the provider did: the report says how it ended. Rejects only when Redis fails for good. */
  async call(run: Run, begun: BegunRun, stop: AbortController): Promise<CallReport> {
    const startedAt = performance.now();
    const writer = wantsOutput(begun)
      ? new OutputWriter({
          attempt: run.attempt,
          step: begun.step,
          emit: (delta) => this.deps.attempts.emit(run, delta),
          onStop: (reason) => stop.abort(new AttemptStopped(reason)),
          onError: (error) => stop.abort(error),
        })
      : null;
    let outcome: CallReport['outcome'];
    let answer: ProviderAnswer | null = null;
    let price: Price | null = null;
    try {
      stop.signal.throwIfAborted();
      const place = this.deps.directory.place(begun.plan.candidates[begun.index]?.model ?? '');
      if (this.deps.directory.isLockedOut(place.provider.id)) return lockedReport(startedAt);
      price = place.model.price;
      answer = await this.execute(begun, place, { signal: stop.signal, writer });
      await writer?.flush();
      stop.signal.throwIfAborted();
      outcome = { kind: 'answered', body: answer.body };
    } catch (error) {
      writer?.discard();
      outcome = this.classify(error, run, stop.signal);
    }
    const estimate = answer?.usage ? null : await this.estimate(begun, answer, writer);
    return {
      outcome,
      usage: answer?.usage ?? estimate,
      usageEstimated: estimate !== null,
      price,
      ttftMs: answer?.ttftMs ?? null,
      dropped: answer?.dropped ?? [],
      durationMs: Math.round(performance.now() - startedAt),
      rateLimits: outcome.kind === 'failed' ? outcome.error.rateLimits : (answer?.rateLimits ?? null),
      committed: writer?.committed ?? false,
    };
  }

  private async execute(
    begun: BegunRun,
    { model, provider }: { model: Model; provider: Provider },
    { signal, writer }: { signal: AbortSignal; writer: OutputWriter | null },
  ): Promise<ProviderAnswer> {
    const call: Omit<ProviderCall, 'endpoint'> = {
      kind: begun.plan.kind,
      body: bodyFor(begun, model),
      upstreamModel: model.upstreamModel,
      credential: this.deps.directory.credentialOf(provider),
      timeouts: provider.timeouts,
      deadlineMs: begun.deadline,
      signal,
      maxOutputTokens: model.maxOutputTokens,
      dropSamplingParameters: model.dropSamplingParameters,
      strict: begun.plan.strict,
      ...(writer && { onDelta: (piece) => writer.write(piece) }),
    };
    const adapter = this.deps.adapterFor(provider.type);
    return this.deps.endpoints.use(provider, (endpoint) => adapter.execute({ ...call, endpoint }));
  }

  private classify(error: unknown, run: Run, signal: AbortSignal): CallReport['outcome'] {
    if (signal.aborted && signal.reason instanceof AttemptStopped) return { kind: 'stopped', stopped: signal.reason };
    if (error instanceof ProviderError) {
      if (error.options.code === 'deadline') return { kind: 'stopped', stopped: new AttemptStopped('deadline') };
      return { kind: 'failed', error };
    }
    // Ours, not the provider's: shown to the operator, and to the client only as a code.
    this.deps.logger.error({ err: error, jobId: run.jobId, attempt: run.attempt }, 'attempt failed unexpectedly');
    const internal = new ProviderError('transient', 'Something went wrong while calling the provider.', {
      code: 'internal_error',
      blames: 'nobody',
      cause: error,
    });
    return { kind: 'failed', error: internal };
  }

  /** Interrupted streams never give usage, and some providers never do: what was received is counted instead. */
  private async estimate(
    begun: BegunRun,
    answer: ProviderAnswer | null,
    writer: OutputWriter | null,
  ): Promise<Usage | null> {
    if (!answer && !writer?.committed) return null;
    const outputTokens = await this.deps.tokens.countText(writer?.text ?? (answer ? answerText(answer.body) : ''));
    return { ...NO_USAGE, inputTokens: begun.plan.inputTokens, outputTokens };
  }
}

/** Nothing was called, so nothing is owed for it. */
function lockedReport(startedAt: number): CallReport {
  return {
    ...{ outcome: { kind: 'locked' }, usage: null, price: null, usageEstimated: false, ttftMs: null, dropped: [] },
    ...{ durationMs: Math.round(performance.now() - startedAt), rateLimits: null, committed: false },
  };
}

function wantsOutput(begun: BegunRun): boolean {
  const { kind, silent, stream } = begun.plan;
  return kind !== 'embedding' && !silent && (stream || begun.read);
}

/** A model that can hold to a schema by itself is given it, unless the client asked for a form of its own. */
function bodyFor({ plan, request }: BegunRun, { capabilities }: Model): JsonObject {
  const { responseFormat } = plan;
  if (!responseFormat || request.response_format !== undefined || !capabilities.includes('json_schema')) return request;
  return { ...request, response_format: responseFormat };
}
