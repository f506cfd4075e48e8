import { keys } from '#platform/keys.js';
import type { RedisClient } from '#platform/redis.js';
import type { LedgerEntry, ReadEntry } from './ledger-entry.js';

const GROUP = 'recorders';

/** So many entries are read at once. */
export const LEDGER_BATCH = 500;

/** How long one look at an empty ledger waits for an entry. */
const BLOCK_MS = 1_000;

/** An entry that a recorder has had for so long without recording it is taken over by another. */
const TAKE_OVER_MS = 15_000;

/** A consumer that has been silent for so long and has nothing is forgotten. */
const FORGET_MS = 3_600_000;

export interface LedgerReaderDeps {
  redis: RedisClient;
  /** A connection of its own, closed by `close`: it waits for entries, and holds up whatever else is asked on it. */
  blocking: RedisClient;
  /** The name of this recorder among the others. */
  consumer: string;
  takeOverMs?: number;
}

/** The ledger as one of its recorders reads it: an entry is in it until it was acknowledged, and is read by one recorder at a time. */
export class LedgerReader {
  private lookedAt = 0;

  private readonly takeOverMs: number;

  constructor(private readonly deps: LedgerReaderDeps) {
    this.takeOverMs = deps.takeOverMs ?? TAKE_OVER_MS;
  }

  /** Makes the group when there is none, and forgets consumers that are long gone. */
  async open(): Promise<void> {
    try {
      await this.deps.redis.xgroup('CREATE', keys.ledger(), GROUP, '0', 'MKSTREAM');
    } catch (error) {
      if (!String(error).includes('BUSYGROUP')) throw error;
    }
    for (const { name, pending, idle } of await this.consumers()) {
      if (pending === 0 && idle > FORGET_MS) await this.deps.redis.xgroup('DELCONSUMER', keys.ledger(), GROUP, name);
    }
  }

  /** The next entries: those that another recorder has left lying, or new ones; empty after a second without. */
  async next(): Promise<ReadEntry[]> {
    if (Date.now() - this.lookedAt >= this.takeOverMs / 3) {
      const left = await this.takeOver();
      // More may lie there: the next look comes at once.
      if (left.length > 0) return left;
      this.lookedAt = Date.now();
    }
    const streams = (await this.deps.blocking.xreadgroup(
      ...([
        'GROUP',
        GROUP,
        this.deps.consumer,
        'COUNT',
        LEDGER_BATCH,
        'BLOCK',
        BLOCK_MS,
        'STREAMS',
        keys.ledger(),
        '>',
      ] as const),
    )) as [string, [string, string[]][]][] | null;
    return parse(streams?.[0]?.[1] ?? []);
  }

  /** They are recorded: the ledger need not have them any more. */
  async acknowledge(entries: readonly ReadEntry[]): Promise<void> {
    if (entries.length === 0) return;
    const ids = entries.map(({ id }) => id);
    await this.deps.redis
      .multi()
      .xack(keys.ledger(), GROUP, ...ids)
      .xdel(keys.ledger(), ...ids)
      .exec();
  }

  /** Puts aside what the database will never take, for a person to look at. */
  async refuse({ id, ...entry }: ReadEntry, reason: string): Promise<void> {
    await this.deps.redis
      .multi()
      .xadd(keys.ledgerRefused(), '*', 'entry', JSON.stringify(entry), 'reason', reason)
      .xack(keys.ledger(), GROUP, id)
      .xdel(keys.ledger(), id)
      .exec();
  }

  /** Ends a look that waits for entries; reading takes nothing out of the ledger. */
  close(): void {
    this.deps.blocking.disconnect();
  }

  private async takeOver(): Promise<ReadEntry[]> {
    const [, entries] = (await this.deps.redis.xautoclaim(
      ...([keys.ledger(), GROUP, this.deps.consumer, this.takeOverMs, '0', 'COUNT', LEDGER_BATCH] as const),
    )) as [string, [string, string[] | null][]];
    return parse(entries);
  }

  private async consumers(): Promise<{ name: string; pending: number; idle: number }[]> {
    const rows = (await this.deps.redis.xinfo('CONSUMERS', keys.ledger(), GROUP)) as (string | number)[][];
    return rows.map((row) => {
      const fields = new Map(row.flatMap((name, i) => (i % 2 === 0 ? [[String(name), row[i + 1]] as const] : [])));
      return {
        name: String(fields.get('name')),
        pending: Number(fields.get('pending')),
        idle: Number(fields.get('idle')),
      };
    });
  }
}

/** True when the group is gone: a Redis that lost its data, or another one. */
export function isGroupGone(error: unknown): boolean {
  return String(error).includes('NOGROUP');
}

/** An entry that was deleted while it was pending has no fields. */
function parse(entries: readonly [string, string[] | null][]): ReadEntry[] {
  return entries.flatMap(([id, fields]) =>
    fields === null ? [] : [{ id, ...(JSON.parse(fields[1] ?? '') as LedgerEntry) }],
  );
}
