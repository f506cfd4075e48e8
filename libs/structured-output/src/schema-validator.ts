import { prepareSchema } from './prepare-schema.js';
import type { JsonSchema } from './schema-keywords.js';
import { type Breakdown, type ValidationBounds, ValidationThread } from './validation-thread.js';

export type Validation = { valid: true } | { valid: false; errors: string[] };

/** A second is a thousand times what an honest schema takes, and little beside the call that made the answer. */
const BOUNDS: ValidationBounds = { validateMs: 1_000, memoryMb: 256 };

/**
 * Validates answers by clients' schemas, in a thread of its own: a client's `pattern` may backtrack for ever, and a thread can
 * be ended. One per process; validations wait for each other. The thread starts with the first and does not keep the process.
 */
export class SchemaValidator {
  private readonly bounds: ValidationBounds;
  private thread: ValidationThread | null = null;
  private last: Promise<unknown> = Promise.resolve();
  private isClosed = false;

  constructor(bounds: Partial<ValidationBounds> = {}) {
    this.bounds = { ...BOUNDS, ...bounds };
  }

  /**
   * Validates JSON text by a schema that `checkSchema` has passed. An answer that takes too long or too much memory to validate
   * is invalid; it is not tried again. Rejects only when validating itself is broken, or closed.
   */
  validate(schema: JsonSchema, text: string): Promise<Validation> {
    const validation = this.last.then(() => this.run(schema, text));
    // One that failed has told its own caller; the next one has nothing to do with it.
    this.last = validation.catch(() => null);
    return validation;
  }

  /** Ends the thread. What still waits rejects. */
  async close(): Promise<void> {
    this.isClosed = true;
    await this.thread?.stop();
  }

  private async run(schema: JsonSchema, text: string): Promise<Validation> {
    if (this.isClosed) throw new Error('The validator is closed.');
    if (!this.thread?.isAlive) this.thread = new ValidationThread(this.bounds);
    const outcome = await this.thread.run({ schema: JSON.stringify(prepareSchema(schema)), text });
    const errors = typeof outcome === 'string' ? [this.explain(outcome)] : outcome;
    return errors.length === 0 ? { valid: true } : { valid: false, errors };
  }

  private explain(breakdown: Breakdown): string {
    const { validateMs, memoryMb } = this.bounds;
    return breakdown === 'time'
      ? `Checking the answer against the schema took longer than ${validateMs / 1_000} s.`
      : `Checking the answer against the schema took more than ${memoryMb} MB of memory.`;
  }
}
