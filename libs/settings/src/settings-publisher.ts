import { setTimeout as pause } from 'node:timers/promises';
import { TokenhubError } from '#contracts/error-catalogue.js';
import type { SnapshotStanding, SnapshotStore } from '#registry/snapshot-store.js';
import type { Settings, SettingsDocument, SettingsStore } from './settings-store.js';

export interface SettingsPublisherDeps<Content extends object> {
  /** Null where no database is configured: then there is only what is declared. */
  settings: Pick<SettingsStore, 'all' | 'revision'> | null;
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
  /** Between two looks for a change that nobody has published. */
  lookMs?: number;
}

export interface PublishOptions {
  /** `commit`: a change holds as soon as it is saved. For those that make a secret, which is in the answer alone. */
  until?: 'commit' | 'publication' | undefined;
}

const NO_DATABASE = 'none';

/** Anything else comes before it: a configuration that does not know what is stored beside it. */
const UNKNOWN_DATABASE = '';

/** With what followers take to hear of it, a change whose process died is known everywhere within a second. */
const LOOK_MS = 400;

/** How long whoever made a change is kept waiting until it is published, and how often that is tried. */
const PATIENCE_MS = 1_000;
const RETRY_MS = 200;
const RETRY_AFTER_S = 2;

/**
 * Publishes what is declared and set together: at start, after each change, as soon as a revision is seen that is not published, and every few
 * seconds, so that a publication that was lost (with its process, with Redis, with a database that was away) is made up for. Snapshots
 * are ordered by the revision of the settings: one that was read earlier never takes the place of one that was read later.
 */
export class SettingsPublisher<Content extends object> {
  private last: Settings | null = null;
  /** What was published last; null when that failed. */
  private published: SnapshotStanding | null = null;
  private nextRepairMs = 0;
  private failing = false;
  private timer: NodeJS.Timeout | undefined;
  private running: Promise<void> | null = null;

  constructor(private readonly deps: SettingsPublisherDeps<Content>) {}

  /** Resolves after the first publication; rejects when Redis refuses it. */
  async start(): Promise<void> {
    await this.publishOnce();
    this.timer = setInterval(() => {
      this.running ??= this.look().finally(() => {
        this.running = null;
      });
    }, this.deps.lookMs ?? LOOK_MS);
  }

  async stop(): Promise<void> {
    clearInterval(this.timer);
    await this.running;
  }

  /**
   * Publishes the settings, of this revision or a later one. When that has not worked for a second it throws `store_unavailable`, or with
   * `until: 'commit'` resolves: the change is committed, and is published as soon as that works again.
   */
  async publish(revision: number, { until = 'publication' }: PublishOptions = {}): Promise<void> {
    const ended = new AbortController();
    const tooLate = pause(PATIENCE_MS, undefined, { signal: ended.signal }).then(() => {
      if (until === 'publication') throw notYetKnown();
    });
    // It also ends by its signal, when nobody listens any more.
    tooLate.catch(() => undefined);
    try {
      await Promise.race([this.publishUntilOut(revision, ended.signal), tooLate]);
    } finally {
      ended.abort();
    }
  }

  /** Publishes what is set at this moment. Never rejects: the next repair tries again. */
  async repair(): Promise<void> {
    try {
      await this.publishOnce();
    } catch (error) {
      this.report(error);
    }
  }

  private async publishUntilOut(revision: number, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        const out = await this.publishOnce();
        if (out !== null && out >= revision) return;
      } catch (error) {
        this.report(error);
      }
      await pause(RETRY_MS);
    }
  }

  /** Publishes when something was changed that is not published yet, and when a repair is due. */
  private async look(): Promise<void> {
    if (Date.now() >= this.nextRepairMs || (await this.isBehind())) await this.repair();
  }

  private async isBehind(): Promise<boolean> {
    const { settings } = this.deps;
    if (!this.published || !settings) return !this.published;
    try {
      const { revision, source } = await settings.revision();
      return revision !== this.published.revision || source !== this.published.source;
    } catch (error) {
      this.report(error);
      return false;
    }
  }

  /**
   * The revision that is out, or null when the database could not be asked: then what was read last is published again, in case that Redis has
   * lost it.
   */
  private async publishOnce(): Promise<number | null> {
    const { settings, snapshots, merge, everyMs = 2_000 } = this.deps;
    this.nextRepairMs = Date.now() + everyMs;
    this.published = null;
    let read: Settings | null = null;
    try {
      if (settings) this.last = read = await settings.all(this.deps.kinds);
    } catch (error) {
      this.report(error);
    }
    const content = read ?? this.last;
    const standing = this.standing(content);
    await snapshots.publish(merge(content?.documents ?? []), standing);
    this.published = standing;
    if (read || !settings) this.failing = false;
    return read?.revision ?? null;
  }

  private standing(content: Settings | null): SnapshotStanding {
    const { settings, declaredMs } = this.deps;
    if (content) return { source: content.source, revision: content.revision, declaredMs };
    return { source: settings ? UNKNOWN_DATABASE : NO_DATABASE, revision: 0, declaredMs };
  }

  private report(error: unknown): void {
    if (!this.failing) this.deps.onError(error);
    this.failing = true;
  }
}

function notYetKnown(): TokenhubError {
  const message = 'The change is saved, and not yet known everywhere: that follows by itself. Read it to be sure.';
  return new TokenhubError('store_unavailable', message, { retryAfterS: RETRY_AFTER_S });
}
