import { setTimeout as sleep } from 'node:timers/promises';
import type { Stack, StackProcess } from '#testing/stack.js';
import { SimulatorControl } from '../e2e/doors.ts';
import type { Dice } from './dice.ts';
import { emptyTimeline, type Timeline } from './timeline.ts';

const FEWEST_READY = 2;

/** The processes under test, what can be done to them, and a balancer over the API processes in service. */
export class Fleet {
  readonly timeline: Timeline = emptyTimeline();
  readonly simulator: SimulatorControl;
  private readonly stack: Stack;
  private readonly dice: Dice;
  private readonly inService = new Set<StackProcess>();
  private readonly readyWorkers = new Set<StackProcess>();
  private readonly starting: Promise<void>[] = [];
  private readonly badExits: string[] = [];
  private turn = 0;

  constructor(stack: Stack, dice: Dice) {
    this.stack = stack;
    this.dice = dice;
    this.simulator = new SimulatorControl(stack.simulatorUrl);
    for (const api of stack.apis) this.inService.add(api);
    for (const worker of stack.workers) this.readyWorkers.add(worker);
  }

  /** The base URL of an API process in service, each in its turn, as a balancer hands them out. */
  api(): string {
    const apis = [...this.inService];
    const api = apis[this.turn++ % apis.length];
    if (api === undefined) throw new Error('no API process is in service');
    return api.url;
  }

  /**
   * `kill -9` of the worker that has served longest, unless too few would be left; another is started in its place. On a machine too
   * slow to start workers as fast as they are killed, none would live for as long as a job takes: five deaths, and the job is given up.
   */
  killWorker(): void {
    const [worker] = this.readyWorkers;
    if (worker === undefined || this.readyWorkers.size <= FEWEST_READY) {
      this.note(`no worker killed: ${this.readyWorkers.size} are ready`);
      return;
    }
    this.readyWorkers.delete(worker);
    this.timeline.workerDeaths.push(Date.now());
    this.note(`${worker.name} killed`);
    void worker.kill();
    this.startWorker();
  }

  /** SIGSTOP of a worker that serves, and SIGCONT after `ms`: it then goes on as if nothing had been. */
  async pauseWorker(ms: number): Promise<void> {
    const worker = this.dice.pick([...this.readyWorkers]);
    this.note(`${worker.name} stopped, for ${ms} ms`);
    worker.pause();
    await sleep(ms);
    worker.resume();
  }

  /** `kill -9` of an API process, but the last; another is started in its place. */
  killApi(): void {
    if (this.inService.size < 2) {
      this.note('only one API process is in service');
      return;
    }
    const api = this.dice.pick([...this.inService]);
    this.inService.delete(api);
    this.timeline.apiDeaths.push(Date.now());
    this.note(`${api.name} killed`);
    void api.kill();
    this.inBackground(this.startApi());
  }

  /** `kill -9` of Redis, and its restart on the same file after `ms`. */
  async killRedis(ms: number): Promise<void> {
    await this.withoutStore(`Redis killed, for ${ms} ms`, async () => {
      await this.stack.redis.kill();
      await sleep(ms);
      await this.stack.redis.restart();
    });
  }

  /** SIGSTOP of Redis, and SIGCONT after `ms`. */
  async pauseRedis(ms: number): Promise<void> {
    await this.withoutStore(`Redis stopped, for ${ms} ms`, async () => {
      this.stack.redis.pause();
      await sleep(ms);
      this.stack.redis.resume();
    });
  }

  /** A rolling restart of all workers and API processes: each is told to stop once its replacement is ready. */
  async roll(): Promise<void> {
    const [workers, apis] = [[...this.readyWorkers], [...this.inService]];
    this.note(`rolling restart of ${[...workers, ...apis].map(({ name }) => name).join(', ')}`);
    for (const worker of workers) {
      this.readyWorkers.add(await this.stack.startWorker());
      this.readyWorkers.delete(worker);
      await this.stopped(worker);
    }
    for (const api of apis) {
      await this.startApi();
      this.inService.delete(api);
      await this.stopped(api);
    }
  }

  /** Resolves when every replacement is ready; rejects when one could not be started or one told to stop ended otherwise. */
  async settled(): Promise<void> {
    await Promise.all(this.starting);
    if (this.badExits.length > 0) throw new Error(this.badExits.join('\n'));
  }

  /** The newest lines that any process wrote about this. */
  linesAbout(word: string): string[] {
    const processes = [...this.stack.apis, ...this.stack.workers];
    return processes.flatMap(({ name, lines }) =>
      lines.filter((line) => line.includes(word)).map((line) => `${name}: ${line}`),
    );
  }

  note(what: string): void {
    this.timeline.log.push({ at: Date.now(), what });
  }

  private startWorker(): void {
    this.inBackground(this.stack.startWorker().then((worker) => void this.readyWorkers.add(worker)));
  }

  private async startApi(): Promise<void> {
    this.inService.add(await this.stack.startApi());
  }

  private inBackground(start: Promise<void>): void {
    // Rejects in `settled`, which may look much later.
    start.catch(() => undefined);
    this.starting.push(start);
  }

  private async stopped(process: StackProcess): Promise<void> {
    const { code, signal } = await process.stop();
    if (code !== 0) this.badExits.push(`${process.name} was told to stop and ended with ${code ?? signal}`);
  }

  private async withoutStore(what: string, act: () => Promise<void>): Promise<void> {
    const away = { from: Date.now(), to: Infinity };
    this.timeline.storeAway.push(away);
    this.note(what);
    await act();
    away.to = Date.now();
  }
}
