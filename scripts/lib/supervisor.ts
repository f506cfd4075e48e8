import { type ChildSpec, SupervisedChild, type SupervisorOptions } from './supervised-child.ts';
import { seconds } from './steps.ts';

/** Starts processes in stages, keeps them alive, and stops them stage by stage in the opposite order. */
export class Supervisor {
  readonly #options: SupervisorOptions;
  readonly #stages: SupervisedChild[][] = [];
  #stopped: Promise<void> | undefined;

  constructor(options: SupervisorOptions) {
    this.#options = options;
  }

  /**
   * Starts them together and resolves when all are ready; false when `stop` was called meanwhile.
   * Throws an `ExpectedError` with the last lines of one that cannot start.
   */
  async start(...specs: ChildSpec[]): Promise<boolean> {
    if (this.#stopped) return false;
    const stage = specs.map((spec) => new SupervisedChild(spec, this.#options));
    this.#stages.push(stage);
    for (const child of stage) child.start();
    await Promise.all(stage.map((child) => child.untilReady()));
    return !this.isStopping;
  }

  get isStopping(): boolean {
    return this.#stopped !== undefined;
  }

  /** Resolves when every process has ended; no stage starts after the call. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stopStages();
    return this.#stopped;
  }

  /** SIGKILL to everything, at once. */
  kill(): void {
    this.#stopped ??= Promise.resolve();
    for (const child of this.#stages.flat()) child.kill();
  }

  async #stopStages(): Promise<void> {
    for (const stage of this.#stages.toReversed()) {
      await Promise.all(
        stage.map(async (child) => {
          const startedAt = performance.now();
          await child.stop();
          this.#options.say(`${child.name} stopped (${seconds(performance.now() - startedAt)})`);
        }),
      );
    }
  }
}
