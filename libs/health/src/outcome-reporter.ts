import type { ErrorClass } from '#contracts/attempt.js';
import type { Place } from '#contracts/live-views.js';
import type { PauseReading, PoolPauses } from '#limits/pool-pauses.js';
import type { HealthStore, Subject } from './health-store.js';
import type { LiveViewsSource } from './live-views-source.js';

/** Good news of providers that are well can wait this long. */
const FLUSH_MS = 1_000;

export interface OutcomeReporterOptions {
  health: HealthStore;
  pauses: PoolPauses;
  views: LiveViewsSource;
  coolDownMsOf: (provider: string) => number;
  onError: (error: unknown) => void;
}

export interface FailedCall {
  errorClass: ErrorClass;
  /** Whose health a failure speaks against. */
  blames: 'provider' | 'model' | 'nobody';
  retryAfterMs: number | null;
  /** How long ago the call was sent, in milliseconds. */
  ageMs: number;
}

interface GoodNews {
  answers: number;
  newestSentAt: number;
}

/**
 * Tells all processes how calls end. Failures are told at once; answers of a provider that is well are counted here and told
 * once a second, so that the usual path costs no round trip.
 */
export class OutcomeReporter {
  private readonly answers = new Map<string, GoodNews>();
  private readonly latencies = new Map<string, { answers: number; totalMs: number }>();
  private timer: NodeJS.Timeout | undefined;

  constructor(private readonly options: OutcomeReporterOptions) {}

  start(): void {
    this.timer = setInterval(() => {
      this.flush().catch(this.options.onError);
    }, FLUSH_MS);
  }

  /** Tells what is left. */
  async stop(): Promise<void> {
    clearInterval(this.timer);
    await this.flush();
  }

  /** A provider answered, be it with a refusal of the request itself: it is well. */
  async answered(place: Place, { latencyMs, ageMs }: { latencyMs: number | null; ageMs: number }): Promise<void> {
    const news = this.answers.get(place.provider) ?? { answers: 0, newestSentAt: 0 };
    news.answers += 1;
    news.newestSentAt = Math.max(news.newestSentAt, Date.now() - ageMs);
    this.answers.set(place.provider, news);
    if (latencyMs !== null) this.addLatency(place.model, latencyMs);

    const { views, pauses } = this.options;
    const strikes = views.pauseOf(place.pool);
    if (strikes && strikes.strikes > 0 && strikes.pausedUntil < Date.now() - ageMs) {
      views.notePause(place.pool, { ...strikes, strikes: 0 });
      await pauses.relax(place.pool);
    }
    const provider: Subject = { kind: 'provider', id: place.provider };
    if ((views.healthOf(provider)?.figures.errors ?? 0) > 0) await this.tellAnswers(place.provider);
    const model: Subject = { kind: 'model', id: place.model };
    if ((views.healthOf(model)?.figures.errors ?? 0) > 0)
      await this.tell(model, place, { good: true, certain: false, ageMs });
  }

  /** A call failed: the pool pauses, the provider or the model is marked, or nothing is its fault. Resolves once told. */
  async failed(place: Place, call: FailedCall): Promise<void> {
    switch (call.errorClass) {
      case 'rate_limited':
        await this.pause(place, call);
        return;
      case 'transient':
      case 'provider_fault':
        if (call.blames !== 'nobody') await this.blame(place, call);
        return;
      case 'context_overflow':
      case 'content_filtered':
      case 'invalid_request':
        await this.answered(place, { latencyMs: null, ageMs: call.ageMs });
    }
  }

  private async pause(place: Place, { retryAfterMs, ageMs }: FailedCall): Promise<PauseReading> {
    const pause = await this.options.pauses.pause(place.pool, { retryAfterMs, ageMs });
    this.options.views.notePause(place.pool, pause);
    return pause;
  }

  private async blame(place: Place, { errorClass, blames, ageMs }: FailedCall): Promise<void> {
    const certain = errorClass === 'provider_fault';
    const subject: Subject =
      blames === 'model' ? { kind: 'model', id: place.model } : { kind: 'provider', id: place.provider };
    // In order: the answers before this failure did not come after it.
    await Promise.all([this.tellAnswers(place.provider), this.tell(subject, place, { good: false, certain, ageMs })]);
  }

  private async tellAnswers(provider: string): Promise<void> {
    const news = this.answers.get(provider);
    if (!news) return;
    this.answers.delete(provider);
    const subject: Subject = { kind: 'provider', id: provider };
    const reading = await this.options.health.report(subject, {
      successes: news.answers,
      failures: 0,
      certain: false,
      ageMs: Date.now() - news.newestSentAt,
      coolDownMs: this.options.coolDownMsOf(provider),
    });
    this.options.views.noteHealth(subject, reading);
  }

  private async tell(
    subject: Subject,
    { provider }: Place,
    { good, certain, ageMs }: { good: boolean; certain: boolean; ageMs: number },
  ): Promise<void> {
    const reading = await this.options.health.report(subject, {
      successes: good ? 1 : 0,
      failures: good ? 0 : 1,
      certain,
      ageMs,
      coolDownMs: this.options.coolDownMsOf(provider),
    });
    this.options.views.noteHealth(subject, reading);
  }

  private addLatency(model: string, latencyMs: number): void {
    const sum = this.latencies.get(model) ?? { answers: 0, totalMs: 0 };
    sum.answers += 1;
    sum.totalMs += latencyMs;
    this.latencies.set(model, sum);
  }

  private async flush(): Promise<void> {
    const latencies = [...this.latencies];
    this.latencies.clear();
    await Promise.all([
      ...[...this.answers.keys()].map((provider) => this.tellAnswers(provider)),
      ...latencies.map(([model, { answers, totalMs }]) =>
        this.options.health.observeLatency(model, totalMs / answers, answers),
      ),
    ]);
  }
}
