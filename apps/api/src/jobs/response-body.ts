import type { JobType } from '#contracts/job-state.js';
import type { JsonObject } from '#contracts/json.js';

/**
 * The OpenAI-shaped answer in a finished job's result, as JSON text: of an orchestration the completion of its final text, of all
 * else the result as it is.
 */
export function responseBodyOf(type: JobType, result: string): string {
  if (type !== 'orchestration') return result;
  return JSON.stringify((JSON.parse(result) as JsonObject).response ?? null);
}

/** What an orchestration made on its way: its result without the completion. */
export function artifactsOf(result: string): JsonObject {
  const { response: _, ...artifacts } = JSON.parse(result) as JsonObject;
  return artifacts;
}
