import { extname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';

/** Both as text: what is nested a hundred thousand levels deep can be parsed, but not handed over as a value. */
export interface ValidationRequest {
  /** A prepared schema. */
  schema: string;
  text: string;
}

/** `validating` comes when the schema is compiled and the text is parsed, so that only what the client's schema takes is timed. */
export type ValidationReport = { kind: 'validating' } | { kind: 'done'; faults: string[] };

export interface ValidationBounds {
  validateMs: number;
  memoryMb: number;
}

/** How an answer's validation ended when the thread did not survive it. */
export type Breakdown = 'time' | 'memory';

/** Starting a thread and compiling are the work of a second on a busy machine; beyond this, something is broken. */
const PREPARE_MS = 30_000;
const STACK_MB = 4;

/** The endings `.ts` and `.js`: under Jest the sources run as they are, from `dist` they are compiled. */
const ENDING = extname(import.meta.filename);
const beside = (name: string): string => join(import.meta.dirname, name + ENDING);

/** One worker thread, from its start to the first validation that it does not survive. One request at a time. */
export class ValidationThread {
  private readonly worker: Worker;
  private running: Running | null = null;
  private death: Error | null = null;

  constructor(private readonly bounds: ValidationBounds) {
    this.worker = new Worker(beside('validation-worker'), {
      workerData: { compiler: pathToFileURL(beside('compile-schema')).href },
      // Code is generated from clients' schemas in there: it has no business with what the process knows.
      env: {},
      execArgv: [],
      resourceLimits: { maxOldGenerationSizeMb: bounds.memoryMb, stackSizeMb: STACK_MB },
    });
    this.worker.on('message', (message: ValidationReport) => this.onReport(message));
    this.worker.on('error', (error: Error) => this.onDeath(error));
    this.worker.on('exit', (code) => this.onDeath(new Error(`The validation thread ended with code ${code}.`)));
    this.worker.unref();
  }

  get isAlive(): boolean {
    return this.death === null;
  }

  /** The faults of the text, or what the thread died of; rejects when it broke for another reason than the text. */
  run(request: ValidationRequest): Promise<string[] | Breakdown> {
    if (this.death) return Promise.reject(this.death);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.kill(new Error('Preparing a validation took too long.')), PREPARE_MS);
      this.running = { resolve, reject, timer };
      // A process that waits for an answer stays; one that only has the thread may end.
      this.worker.ref();
      this.worker.postMessage(request);
    });
  }

  /** Ends the thread, also in the middle of a validation, which then rejects. */
  async stop(): Promise<void> {
    this.onDeath(new Error('The validator was closed.'));
    await this.worker.terminate();
  }

  private onReport(report: ValidationReport): void {
    if (report.kind === 'done') {
      this.settle()?.resolve(report.faults);
    } else if (this.running) {
      clearTimeout(this.running.timer);
      this.running.timer = setTimeout(() => this.timeOut(), this.bounds.validateMs);
    }
  }

  private timeOut(): void {
    this.settle()?.resolve('time');
    this.kill(new Error('The validation thread was ended, because a validation took too long.'));
  }

  private kill(reason: Error): void {
    this.onDeath(reason);
    // What it returns only tells when the thread is gone, which nobody waits for.
    void this.worker.terminate();
  }

  private onDeath(reason: Error): void {
    this.death ??= reason;
    const running = this.settle();
    if ((reason as NodeJS.ErrnoException).code === 'ERR_WORKER_OUT_OF_MEMORY') running?.resolve('memory');
    else running?.reject(reason);
  }

  private settle(): Running | null {
    const running = this.running;
    if (running) clearTimeout(running.timer);
    this.running = null;
    this.worker.unref();
    return running;
  }
}

interface Running {
  resolve: (outcome: string[] | Breakdown) => void;
  reject: (error: Error) => void;
  timer: NodeJS.Timeout;
}
