import { channels, keys } from '#platform/keys.js';
import type { RedisClient } from '#platform/redis.js';
import type { DataKeys } from './data-keys.js';
import { HAND_OVER_MS, HandOverRefused, type HandOver } from './hand-over.js';

export interface KeyExchangeDeps {
  redis: RedisClient;
  processId: string;
  handOver: HandOver;
  /** Hears of each refusal; `process` is whom the request or the answer claims to be for. */
  onRefused: (refused: HandOverRefused, process: string) => void;
}

/** How soon a request is repeated, and how slowly once nobody has answered for a while. */
const AGAIN_MS = 400;
const PATIENT_AFTER = 20;
const PATIENT_MS = 2_000;

/** How requests for the data keys and their answers travel: each in a key of its own in Redis, announced on one channel. */
export class KeyExchange {
  private askedAt = -Infinity;
  private unanswered = 0;
  private epoch = 0;

  constructor(private readonly deps: KeyExchangeDeps) {}

  /** The data keys of this epoch, if an answer is there; else asks for them, unless it did a moment ago. */
  async obtain(epoch: number): Promise<DataKeys | null> {
    if (epoch !== this.epoch) {
      this.epoch = epoch;
      this.askedAt = -Infinity;
      this.unanswered = 0;
    }
    return (await this.take(epoch)) ?? (await this.ask(epoch));
  }

  /** Answers what this process asks for, if it is a request to be believed; refusals are reported. */
  async answer(process: string, held: { epoch: number; keys: DataKeys }): Promise<void> {
    const { redis, handOver } = this.deps;
    const request = await redis.get(keys.vaultAsk(process));
    if (request === null) return;
    const answer = this.believed(process, () => handOver.answer(request, { process, ...held }));
    if (answer === null) return;
    await redis
      .pipeline()
      .set(keys.vaultAnswer(process), answer, 'PX', HAND_OVER_MS)
      .publish(channels.vault(), `answer:${process}`)
      .exec();
  }

  private async take(epoch: number): Promise<DataKeys | null> {
    const { redis, handOver, processId } = this.deps;
    const answer = await redis.getdel(keys.vaultAnswer(processId));
    return answer === null ? null : this.believed(processId, () => handOver.accept(answer, epoch));
  }

  private async ask(epoch: number): Promise<null> {
    const { redis, handOver, processId } = this.deps;
    const now = performance.now();
    if (now - this.askedAt < (this.unanswered > PATIENT_AFTER ? PATIENT_MS : AGAIN_MS)) return null;
    this.askedAt = now;
    this.unanswered += 1;
    await redis
      .pipeline()
      .set(keys.vaultAsk(processId), handOver.ask(epoch), 'PX', HAND_OVER_MS)
      .publish(channels.vault(), `ask:${processId}`)
      .exec();
    return null;
  }

  private believed<T>(process: string, read: () => T): T | null {
    try {
      return read();
    } catch (error) {
      if (!(error instanceof HandOverRefused)) throw error;
      this.deps.onRefused(error, process);
      return null;
    }
  }
}
