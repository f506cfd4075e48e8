import { parentPort, workerData } from 'node:worker_threads';
import type { CompiledSchemas } from './compile-schema.js';
import type { ValidationReport, ValidationRequest } from './validation-thread.js';

/*
 * The thread in which answers are validated. Runs as it is under Jest, where Node itself strips the types; hence no import of a
 * value from another file but by the address that it is given.
 */

const { compiler } = workerData as { compiler: string };
const { CompiledSchemas: Schemas } = (await import(compiler)) as { CompiledSchemas: typeof CompiledSchemas };
const compiled = new Schemas();
const port = parentPort;
if (!port) throw new Error('validation-worker is not a program: SchemaValidator starts it as a thread.');
const report = (message: ValidationReport): void => port.postMessage(message);

port.on('message', ({ schema, text }: ValidationRequest) => {
  const findFaults = compiled.get(schema);
  const value: unknown = JSON.parse(text);
  report({ kind: 'validating' });
  try {
    report({ kind: 'done', faults: findFaults(value) });
  } catch (error) {
    // By recursive schemas, validating is recursive too.
    if (!(error instanceof RangeError)) throw error;
    report({ kind: 'done', faults: ['The answer is nested too deeply to be checked.'] });
  }
});
