import { fileURLToPath } from 'node:url';
import { defineLuaScript, type LuaScript } from '#platform/lua-script.js';
import type { RedisClient } from '#platform/redis.js';
import { canonicalJson } from './canonical-json.js';
import { SnapshotFollower } from './snapshot-follower.js';

export interface SnapshotStoreOptions<Content extends object> {
  redis: RedisClient;
  /** Hash: the version and content of the newest snapshot, and where it stands. */
  key: string;
  /** Hears the number of each new version. */
  channel: string;
  /** Writes equal content as equal text; `canonicalJson` when absent, which takes its time with content that is large. */
  write?: (content: Content) => string;
  /** Brings content that an earlier Tokenhub published to today's shape. */
  upgrade?: (content: Content) => Content;
}

export type Snapshot<Content extends object> = Content & { version: number };

/** What orders snapshots of different publishers. */
export interface SnapshotStanding {
  /** Which database the settings in it are from. Empty when it could not be asked: then anything else counts before it. */
  source: string;
  /** Of those settings; a lower one of the same source never replaces a higher one. */
  revision: number;
  /** When the publisher read its configuration (Unix ms): at the same revision the later one counts, as long as anybody publishes it. */
  declaredMs: number;
}

export interface FollowOptions {
  /** A connection of its own: a subscribed connection takes no other commands. Its owner closes it. */
  subscriber: RedisClient;
  /** Ends the following. */
  signal: AbortSignal;
  /** Hears the first look that failed after one that did not; the next follows by itself. */
  onError: (error: unknown) => void;
  /** Between looks that no message caused. */
  pollMs?: number;
}

/** Whoever publishes does it every few seconds: a configuration that is silent for so long has no process any more. */
const SILENCE_MS = 15_000;

const POLL_MS = 400;

const UNORDERED: SnapshotStanding = { source: 'none', revision: 0, declaredMs: 0 };

/** A versioned snapshot in Redis: what is declared and set is published, and every process follows it. */
export class SnapshotStore<Content extends object> {
  private readonly publishScript: LuaScript;

  constructor(private readonly options: SnapshotStoreOptions<Content>) {
    const file = fileURLToPath(new URL('./publish-snapshot.lua', import.meta.url));
    this.publishScript = defineLuaScript(options.redis, file, 'tokenhubPublishSnapshot');
  }

  /**
   * Makes this content the newest, unless what is there comes before it. Content equal to the newest keeps its version, whatever the
   * order of its fields. Gives the newest version, and whether this content counts now.
   */
  async publish(content: Content, standing = UNORDERED): Promise<{ version: number; counts: boolean }> {
    const { key, channel, write = canonicalJson } = this.options;
    const { source, revision, declaredMs } = standing;
    const args = [write(content), channel, source, revision, declaredMs, SILENCE_MS];
    const [version, counts] = (await this.publishScript([key], args)) as [number, number];
    return { version, counts: counts === 1 };
  }

  /** The newest snapshot; null when none was ever published. */
  async read(): Promise<Snapshot<Content> | null> {
    const { redis, key, upgrade = (content) => content } = this.options;
    const [version, content] = await redis.hmget(key, 'version', 'content');
    if (typeof version !== 'string' || typeof content !== 'string') return null;
    return { ...upgrade(JSON.parse(content) as Content), version: Number(version) };
  }

  /**
   * Hands over the newest snapshot, if there is one, and from then on each newer one, in order and each once; a version that another
   * has already replaced may be left out. Resolves after the first look and rejects when that fails. Listens on the channel and looks
   * by itself every 400 ms, so that a message lost with a connection costs that and no more. Gives what makes it look at once.
   */
  async follow(onChange: (snapshot: Snapshot<Content>) => void, options: FollowOptions): Promise<() => Promise<void>> {
    const { redis, key, channel } = this.options;
    const follower = new SnapshotFollower({
      version: async () => Number((await redis.hget(key, 'version')) ?? 0),
      read: () => this.read(),
      onChange,
      onError: options.onError,
      signal: options.signal,
    });
    await follower.start({ channel, subscriber: options.subscriber, pollMs: options.pollMs ?? POLL_MS });
    return () => follower.look();
  }
}
