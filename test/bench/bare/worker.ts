/** The bare pipeline's back: BullMQ → `undici` → pub/sub. `node worker.ts <redis url> <upstream url>` */
import process from 'node:process';
import { Worker } from 'bullmq';
import { Redis } from 'ioredis';
import { Agent, request } from 'undici';

const [redisUrl, upstreamUrl] = [String(process.argv[2]), String(process.argv[3])];
const redis = new Redis(redisUrl, { maxRetriesPerRequest: null });
const dispatcher = new Agent({ connections: null, pipelining: 1, keepAliveTimeout: 60_000 });

const worker = new Worker<{ id: string; body: string }, null>(
  'bare',
  async ({ data }) => {
    const { body } = await request(`${upstreamUrl}/v1/chat/completions`, {
      method: 'POST',
      body: data.body,
      headers: { 'content-type': 'application/json' },
      dispatcher,
    });
    await redis.publish('bare-replies', `${data.id}\n${await body.text()}`);
    return null;
  },
  { connection: redis, concurrency: 200, removeOnComplete: { count: 0 }, skipVersionCheck: true },
);
process.once('SIGTERM', () => {
  void worker.close().then(() => process.exit(0));
});
