import { ALL_CREDENTIALS, UNKNOWN_CONTEXTS, type LiveViews, type Place, type PoolLoad } from '#contracts/live-views.js';
import { poolIdOf, type RegistrySnapshot } from '#contracts/registry-snapshot.js';
import { endOf, type AdminPause, type AdminPauses } from '#limits/admin-pauses.js';
import type { PoolLoadReading, PoolLoads } from '#limits/pool-loads.js';
import { PAUSE_MS, type PauseReading, type PoolPauses } from '#limits/pool-pauses.js';
import type { HealthReading } from './health-reading.js';
import type { HealthStore, Subject } from './health-store.js';
import { offersOf } from './offers-of.js';

/** Which secrets cannot be had, and the windows that servers were found to have. */
export type ReportedViews = Pick<LiveViews, 'credentials' | 'contextTokens'>;

export interface LiveViewsOptions {
  health: HealthStore;
  pauses: PoolPauses;
  adminPauses: Pick<AdminPauses, 'read'>;
  loads: PoolLoads;
  snapshot: () => RegistrySnapshot;
  /** What workers tell of themselves; asked at each refresh. */
  reports: () => ReportedViews | Promise<ReportedViews>;
  everyMs: number;
  /** The old views serve until Redis answers again. */
  onError: (error: unknown) => void;
}

const NOT_PAUSED: PauseReading = { pausedUntil: 0, strikes: 0 };
const IDLE: PoolLoadReading = { ahead: 0, startsPerSecond: 0 };

/** A pool's pause ends by the clock, not by the next refresh. */
class PoolReading implements PoolLoad {
  constructor(
    readonly pause: PauseReading,
    readonly load: PoolLoadReading,
    readonly adminPause: AdminPause | undefined,
  ) {}

  get expectedWaitMs(): number {
    const { ahead, startsPerSecond } = this.load;
    const servedMs = startsPerSecond === 0 ? 0 : (1_000 * ahead) / startsPerSecond;
    // Nobody knows how long an administrator's pause lasts; a wait beyond all others would hide how the others differ.
    return Math.min(Math.max(this.opensAt - Date.now(), 0), PAUSE_MS.most) + servedMs;
  }

  get paused(): boolean {
    return this.opensAt > Date.now();
  }

  /** Unix milliseconds; Infinity where an administrator has to end the pause. */
  get opensAt(): number {
    return Math.max(this.pause.pausedUntil, endOf(this.adminPause));
  }
}

/** What this process knows of the moment: read from Redis every so often, and corrected at once by what it did itself. */
export class LiveViewsSource {
  private timer: NodeJS.Timeout | undefined;
  private reported: ReportedViews = { credentials: ALL_CREDENTIALS, contextTokens: UNKNOWN_CONTEXTS };
  private health = new Map<string, HealthReading>();
  private modelHealth = new Map<string, HealthReading>();
  private pools = new Map<string, PoolReading>();
  /** Providers that are, or of which a model is, down, waiting for a probe, disabled or removed. */
  private marked: ReadonlySet<string> = new Set();
  /** By model id, the provider of each that this process has ever seen: attempts of those that are gone may still wait. */
  private readonly offered = new Map<string, string>();
  private latencies: ReadonlyMap<string, number> = new Map();

  constructor(private readonly options: LiveViewsOptions) {}

  /** Refers to live figures: hold it for one decision only. */
  get views(): LiveViews {
    return {
      health: this.health,
      modelHealth: this.modelHealth,
      load: { pools: this.pools, observedLatencyMs: this.latencies },
      ...this.reported,
      offers: offersOf(this.options.snapshot()),
    };
  }

  async start(): Promise<void> {
    this.timer = setInterval(() => this.look(), this.options.everyMs);
    await this.refresh();
  }

  stop(): void {
    clearInterval(this.timer);
  }

  /** Begins to read everything anew, for whoever knows that something has changed. */
  look(): void {
    this.refresh().catch(this.options.onError);
  }

  /** Reads everything anew. */
  async refresh(): Promise<void> {
    const { providers, models } = this.options.snapshot();
    const pools = [...new Set([...providers.map(({ id }) => id), ...models.map(poolIdOf)])];
    const subjects: Subject[] = [
      ...providers.map(({ id }): Subject => ({ kind: 'provider', id })),
      ...models.map(({ id }): Subject => ({ kind: 'model', id })),
    ];
    const [reported, pauses, adminPauses, loads, { health, latencies }] = await Promise.all([
      this.options.reports(),
      this.options.pauses.read(pools),
      this.options.adminPauses.read(),
      this.options.loads.read(pools),
      this.options.health.read(subjects),
    ]);
    this.reported = reported;
    this.latencies = latencies;
    this.pools = new Map(
      pools.map((pool, i) => {
        const reading = new PoolReading(pauses[i] ?? NOT_PAUSED, loads[i] ?? IDLE, adminPauses.get(pool));
        return [pool, reading] as const;
      }),
    );
    this.health = known(subjects, health, 'provider');
    this.modelHealth = known(subjects, health, 'model');
    this.mark();
  }

  /** True when nothing at all is known against the provider, its models or the pool. */
  isClear({ provider, pool }: Pick<Place, 'provider' | 'pool'>): boolean {
    if (this.reported.credentials.has(provider) || this.pools.get(pool)?.paused) return false;
    return !this.marked.has(provider);
  }

  /** What was just learnt of a subject counts before the next refresh. */
  noteHealth({ kind, id }: Subject, reading: HealthReading): void {
    (kind === 'provider' ? this.health : this.modelHealth).set(id, reading);
    this.mark();
  }

  notePause(pool: string, pause: PauseReading): void {
    const known = this.pools.get(pool);
    this.pools.set(pool, new PoolReading(pause, known?.load ?? IDLE, known?.adminPause));
  }

  healthOf({ kind, id }: Subject): HealthReading | undefined {
    return (kind === 'provider' ? this.health : this.modelHealth).get(id);
  }

  pauseOf(pool: string): PauseReading | undefined {
    return this.pools.get(pool)?.pause;
  }

  adminPauseOf(pool: string): AdminPause | undefined {
    const pause = this.pools.get(pool)?.adminPause;
    return endOf(pause) > Date.now() ? pause : undefined;
  }

  /** Until when the pool is paused, whoever paused it; 0 when it never was, Infinity where an administrator has to end it. */
  pausedUntil(pool: string): number {
    return this.pools.get(pool)?.opensAt ?? 0;
  }

  /** When what closes this place now will have passed, as Unix milliseconds; 0 when nothing with a known end closes it. */
  opensAt({ provider, model, pool }: Place): number {
    return Math.max(
      this.health.get(provider)?.figures.downUntil ?? 0,
      this.modelHealth.get(model)?.figures.downUntil ?? 0,
      this.pausedUntil(pool),
    );
  }

  private mark(): void {
    const { models } = this.options.snapshot();
    const withdrawn = this.withdrawn();
    const providerOf = new Map(models.map(({ id, provider }) => [id, provider]));
    const isMarked = ([, { figures }]: [string, HealthReading]): boolean => figures.downUntil > 0;
    this.marked = new Set([
      ...withdrawn,
      ...[...this.health].filter(isMarked).map(([id]) => id),
      ...[...this.modelHealth].filter(isMarked).map(([id]) => providerOf.get(id) ?? ''),
    ]);
  }

  /** The providers of models that are no longer offered. */
  private withdrawn(): string[] {
    const snapshot = this.options.snapshot();
    const offers = offersOf(snapshot);
    for (const { id, provider } of snapshot.models) if (!this.offered.has(id)) this.offered.set(id, provider);
    const gone = [...this.offered].filter(([model]) => offers({ model }) !== null);
    return gone.map(([, provider]) => provider);
  }
}

function known(
  subjects: readonly Subject[],
  readings: readonly (HealthReading | null)[],
  kind: Subject['kind'],
): Map<string, HealthReading> {
  const found = new Map<string, HealthReading>();
  for (const [i, subject] of subjects.entries()) {
    const reading = readings[i];
    if (subject.kind === kind && reading) found.set(subject.id, reading);
  }
  return found;
}
