/**
 * The bare pipeline's front: plain `http` → BullMQ; the reply comes by pub/sub. Nothing is checked, routed, recorded or
 * fenced: it is what the same work costs at the least. `node api.ts <port> <redis url>`
 */
import { createServer, type ServerResponse } from 'node:http';
import process from 'node:process';
import { Queue } from 'bullmq';
import { Redis } from 'ioredis';

const [port, redisUrl] = [Number(process.argv[2]), String(process.argv[3])];
const redis = new Redis(redisUrl, { maxRetriesPerRequest: null });
const subscriber = new Redis(redisUrl);
const queue = new Queue('bare', { connection: redis, skipVersionCheck: true });
const waiting = new Map<string, ServerResponse>();
let next = 0;

subscriber.on('message', (_channel: string, message: string) => {
  const lineEnd = message.indexOf('\n');
  const id = message.slice(0, lineEnd);
  const response = waiting.get(id);
  waiting.delete(id);
  response?.writeHead(200, { 'content-type': 'application/json' });
  response?.end(message.slice(lineEnd + 1));
});
await subscriber.subscribe('bare-replies');

createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.once('end', () => {
    const id = `b${++next}`;
    waiting.set(id, response);
    void queue.add('call', { id, body: Buffer.concat(chunks).toString() }, { jobId: id });
  });
}).listen(port, '127.0.0.1');
process.once('SIGTERM', () => process.exit(0));
