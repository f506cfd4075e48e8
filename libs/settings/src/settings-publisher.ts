import type { SnapshotStanding, SnapshotStore } from '#registry/snapshot-store.js';
import type { Settings, SettingsDocument, SettingsStore } from './settings-store.js';

export interface SettingsPublisherDeps<Content extends object> {
  /** Null where no database is configured: then there is only what is declared. */
  settings: Pick<SettingsStore, 'all'> | null;
  snapshots: Pick<SnapshotStore<Content>, 'publish'>;
  /** Whose documents belong to the snapshot. */
  kinds: readonly string[];
  /** What the configuration declares and these documents, as one. It drops what does not fit, and never throws. */
  merge: (documents: readonly SettingsDocument[]) => Content;
  /** When this process read its configuration (Unix ms): of two that declare different things the later one counts. */
  declaredMs: number;
  /** Hears the first failure after a success; the next try follows by itself. */
  onError: (error: unknown) => void;
  /** Between two repairs. */
  everyMs?: number;
}

const NO_DATABASE = 'none';

/** Anything else comes before it: a configuration that does not know what is stored beside it. */
const UNKNOWN_DATABASE = '';

/**
 * Publishes what is declared and set together: at start, after each change, and every few seconds, so that a publication that was lost
 * (with its process, with Redis, with a database that was away) is made up for. Snapshots are ordered by the revision of the settings: one
 * that was read earlier never takes the place of one that was read later.
 */
export class SettingsPublisher<Content extends object> {
  private last: Settings | null = null;
  private failing = false;
  private timer: NodeJS.Timeout | undefined;
  private running: Promise<void> | null = null;

  constructor(private readonly deps: SettingsPublisherDeps<Content>) {}

  /** Resolves after the first publication; rejects when Redis refuses it. */
  async start(): Promise<void> {
    await this.publishOnce();
    this.timer = setInterval(() => {
      this.running ??= this.publish().finally(() => {
        this.running = null;
      });
    }, this.deps.everyMs ?? 2_000);
  }

  async stop(): Promise<void> {
    clearInterval(this.timer);
    await this.running;
  }

  /** Publishes what is set at this moment. Never rejects: the next repair tries again. */
  async publish(): Promise<void> {
    try {
      await this.publishOnce();
    } catch (error) {
      this.report(error);
    }
  }

  /** While the database is away, what was read last is published again, in case that Redis has lost it. */
  private async publishOnce(): Promise<void> {
    const { settings, snapshots, merge } = this.deps;
    let read = true;
    try {
      if (settings) this.last = await settings.all(this.deps.kinds);
    } catch (error) {
      read = false;
      this.report(error);
    }
    await snapshots.publish(merge(this.last?.documents ?? []), this.standing());
    if (read) this.failing = false;
  }

  private standing(): SnapshotStanding {
    const { settings, declaredMs } = this.deps;
    if (this.last) return { source: this.last.source, revision: this.last.revision, declaredMs };
    return { source: settings ? UNKNOWN_DATABASE : NO_DATABASE, revision: 0, declaredMs };
  }

  private report(error: unknown): void {
    if (!this.failing) this.deps.onError(error);
    this.failing = true;
  }
}
