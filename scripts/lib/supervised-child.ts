import { setTimeout as sleep } from 'node:timers/promises';
import { adoptChild, type Command, type Handle, spawnChild } from './child-process.ts';
import { ExpectedError, seconds } from './steps.ts';

const KEPT_LINES = 20;
const STEADY_MS = 30_000;

export interface ChildSpec extends Command {
  name: string;
  /** A process of ours that already runs as this one: used until it dies, then replaced. */
  adoptPid?: number;
  /** May throw: that is "not yet". */
  isReady(): Promise<boolean>;
  /** From SIGTERM to SIGKILL. */
  stopTimeoutMs: number;
  /** From the start to the first ready. */
  readyTimeoutMs: number;
}

export interface SupervisorOptions {
  say: (line: string) => void;
  /** What a child printed. */
  onLine: (name: string, line: string) => void;
  /** Called with the pid at each start, and with undefined at each end. */
  onPid?: (name: string, pid: number | undefined) => void;
  /** Milliseconds before the nth restart in a row, counted from 0. */
  restartDelayMs?: (failures: number) => number;
  /** So many deaths before it was ever ready are the end. */
  deathsBeforeReady?: number;
}

/** 0.5 s doubled each time, 10 s at most. */
export function restartDelay(failures: number): number {
  return Math.min(500 * 2 ** failures, 10_000);
}

/** One process kept alive: restarted when it dies, until it is stopped or proves unable to start. */
export class SupervisedChild {
  readonly #spec: ChildSpec;
  readonly #options: SupervisorOptions;
  readonly #lastLines: string[] = [];
  #handle: Handle | undefined;
  readonly #stopping = new AbortController();
  #failures = 0;
  #wasReady = false;
  #gaveUp = false;
  #running: Promise<void> = Promise.resolve();

  constructor(spec: ChildSpec, options: SupervisorOptions) {
    this.#spec = spec;
    this.#options = options;
  }

  get name(): string {
    return this.#spec.name;
  }

  start(): void {
    this.#running = this.#keepAlive();
  }

  /** Throws an `ExpectedError` with its last lines when it dies too often or is not ready in time. */
  async untilReady(): Promise<void> {
    const end = performance.now() + this.#spec.readyTimeoutMs;
    for (;;) {
      if (this.#gaveUp) throw this.#problem(`${this.name} died ${this.#failures} times before it was ready`);
      if (this.#handle && (await this.#isReady())) break;
      if (this.#isStopping()) return;
      if (performance.now() > end)
        throw this.#problem(`${this.name} was not ready after ${seconds(this.#spec.readyTimeoutMs)}`);
      await sleep(50);
    }
    this.#wasReady = true;
  }

  /** SIGTERM, then SIGKILL to its group after its time is up; resolves when it has ended. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    const handle = this.#handle;
    if (handle) {
      handle.signal('SIGTERM');
      const timer = setTimeout(() => {
        this.#options.say(`${this.name} did not end within ${seconds(this.#spec.stopTimeoutMs)}: killing it`);
        handle.killGroup();
      }, this.#spec.stopTimeoutMs);
      await handle.ended;
      clearTimeout(timer);
    }
    await this.#running;
  }

  /** At once and without waiting. */
  kill(): void {
    this.#stopping.abort();
    this.#handle?.killGroup();
  }

  async #keepAlive(): Promise<void> {
    let adoptPid = this.#spec.adoptPid;
    while (!this.#isStopping()) {
      const startedAt = performance.now();
      const handle = adoptPid === undefined ? this.#spawn() : adoptChild(adoptPid);
      adoptPid = undefined;
      this.#handle = handle;
      this.#options.onPid?.(this.name, handle.pid);
      const reason = await handle.ended;
      this.#handle = undefined;
      this.#options.onPid?.(this.name, undefined);
      if (this.#isStopping()) return;
      if (performance.now() - startedAt >= STEADY_MS) this.#failures = 0;
      if (this.#hasFailed()) return;
      await this.#pauseBeforeRestart(reason);
    }
  }

  /** Counts the death; true when it was one too many before the first ready. */
  #hasFailed(): boolean {
    this.#failures += 1;
    this.#gaveUp = !this.#wasReady && this.#failures >= (this.#options.deathsBeforeReady ?? 5);
    return this.#gaveUp;
  }

  async #pauseBeforeRestart(reason: string): Promise<void> {
    const delay = (this.#options.restartDelayMs ?? restartDelay)(this.#failures - 1);
    this.#options.say(`${this.name} died (${reason}); restarting it in ${seconds(delay)}`);
    await sleep(delay, undefined, { signal: this.#stopping.signal }).catch((error: unknown) => {
      if (!this.#isStopping()) throw error;
    });
  }

  #isStopping(): boolean {
    return this.#stopping.signal.aborted;
  }

  #spawn(): Handle {
    return spawnChild(this.#spec, (line) => {
      this.#lastLines.push(line);
      if (this.#lastLines.length > KEPT_LINES) this.#lastLines.shift();
      this.#options.onLine(this.name, line);
    });
  }

  async #isReady(): Promise<boolean> {
    try {
      return await this.#spec.isReady();
    } catch {
      return false;
    }
  }

  #problem(what: string): ExpectedError {
    const tail = this.#lastLines.map((line) => `    ${line}`).join('\n');
    return new ExpectedError(tail === '' ? `${what}; it printed nothing` : `${what}. Its last lines:\n${tail}`);
  }
}
