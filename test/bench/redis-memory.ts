import type { Redis } from 'ioredis';

/** Bytes that Redis has allocated for data and its tables: without what connections and the append-only file hold at the moment. */
export async function dataBytes(redis: Redis): Promise<number> {
  const info = await redis.info('memory');
  const field = (name: string): number => {
    const [, value] = new RegExp(`^${name}:(\\d+)`, 'm').exec(info) ?? [];
    if (value === undefined) throw new Error(`INFO memory has no ${name}`);
    return Number(value);
  };
  return field('used_memory') - field('mem_clients_normal') - field('mem_aof_buffer');
}

/** Bytes by kind of key, as MEMORY USAGE counts every single one in full. */
export async function bytesByKind<K extends string>(redis: Redis, kindOf: (key: string) => K): Promise<Map<K, number>> {
  const sums = new Map<K, number>();
  for await (const names of redis.scanStream({ count: 1_000 }) as AsyncIterable<string[]>) {
    const sizes = await Promise.all(names.map((name) => redis.memory('USAGE', name, 'SAMPLES', 0)));
    names.forEach((name, i) => sums.set(kindOf(name), (sums.get(kindOf(name)) ?? 0) + (sizes[i] ?? 0)));
  }
  return sums;
}
