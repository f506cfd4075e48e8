import { isJsonObject, type JsonObject } from '#contracts/json.js';
import type { Turn } from './convert-conversation.js';
import { invalidRequest } from './invalid-request.js';

/** The tools and how they may be chosen; empty when there are none. Throws `invalid_request` for what has no equal. */
export function toToolFields(body: JsonObject, turns: Turn[]): JsonObject {
  refuseOld(body);
  const tools = (Array.isArray(body.tools) ? (body.tools as unknown[]) : []).map(toTool);
  if (tools.length === 0) return toolsOfThePast(turns);
  const { choice, allowed } = toChoice(body.tool_choice);
  const open = allowed === null ? tools : tools.filter((tool) => allowed.has(tool.name));
  const parallel = body.parallel_tool_calls !== false;
  // The default needs no word; `none` takes no flag.
  if (choice.type === 'auto' && parallel) return { tools: open };
  const flag = parallel || choice.type === 'none' ? {} : { disable_parallel_tool_use: true };
  return { tools: open, tool_choice: { ...choice, ...flag } };
}

/** True when the model is made to call a tool. */
export function isForced({ tool_choice: choice }: JsonObject): boolean {
  return isJsonObject(choice) && (choice.type === 'any' || choice.type === 'tool');
}

function refuseOld(body: JsonObject): void {
  for (const field of ['functions', 'function_call']) {
    if (body[field] === undefined || body[field] === null) continue;
    throw invalidRequest(`'${field}' is not supported by this provider; use 'tools'.`, field, 'unsupported_parameter');
  }
}

function toTool(tool: unknown, index: number): JsonObject {
  const at = `tools[${index}]`;
  if (!isJsonObject(tool)) throw invalidRequest(`${at} is not an object.`, at);
  // Anthropic's own tools, its servers' among them.
  if (tool.type !== 'function' && !isJsonObject(tool.custom)) return tool;
  const spec = tool.function;
  if (!isJsonObject(spec) || typeof spec.name !== 'string') {
    throw invalidRequest(`${at} is not a function; this provider has no other tools.`, at, 'unsupported_value');
  }
  return {
    name: spec.name,
    ...(typeof spec.description === 'string' ? { description: spec.description } : {}),
    input_schema: isJsonObject(spec.parameters) ? { type: 'object', ...spec.parameters } : NO_PARAMETERS,
    ...(spec.strict === true ? { strict: true } : {}),
    ...(isJsonObject(tool.cache_control) ? { cache_control: tool.cache_control } : {}),
  };
}

const NO_PARAMETERS = { type: 'object', properties: {} };

function toChoice(value: unknown): { choice: JsonObject & { type: string }; allowed: Set<unknown> | null } {
  if (value === undefined || value === null) return { choice: { type: 'auto' }, allowed: null };
  const word = CHOICES.get(value);
  if (word !== undefined) return { choice: { type: word }, allowed: null };
  const name = nameOf(value);
  if (name !== null) return { choice: { type: 'tool', name }, allowed: null };
  if (isJsonObject(value) && value.type === 'allowed_tools' && isJsonObject(value.allowed_tools)) {
    const { mode, tools } = value.allowed_tools;
    const names = (Array.isArray(tools) ? (tools as unknown[]) : []).map(nameOf);
    return { choice: { type: mode === 'required' ? 'any' : 'auto' }, allowed: new Set(names) };
  }
  throw invalidRequest('This provider has no such tool_choice.', 'tool_choice', 'unsupported_value');
}

const CHOICES: ReadonlyMap<unknown, string> = new Map([
  ['auto', 'auto'],
  ['required', 'any'],
  ['none', 'none'],
]);

function nameOf(reference: unknown): string | null {
  const spec = isJsonObject(reference) ? reference.function : undefined;
  return isJsonObject(spec) && typeof spec.name === 'string' ? spec.name : null;
}

/** OpenAI takes a history of calls without the tools; Anthropic wants each tool declared that its messages name. */
function toolsOfThePast(turns: Turn[]): JsonObject {
  const names = new Set<unknown>();
  for (const block of turns.flatMap((turn) => turn.content)) {
    if (block.type === 'tool_use') names.add(block.name);
  }
  if (names.size === 0) return {};
  return { tools: [...names].map((name) => ({ name, input_schema: NO_PARAMETERS })), tool_choice: { type: 'none' } };
}
