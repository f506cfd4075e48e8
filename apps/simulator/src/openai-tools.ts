import { isJsonObject, type JsonObject } from '#contracts/json.js';
import type { ToolSpec } from './draft.js';
import { badRequest } from './openai-errors.js';

/**
 * The functions that the model calls: the one that `tool_choice` names; or else those that the last user message
 * names after the word "call" ("call get_weather and get_time"); or else, when a call is required, the first. After a
 * tool's result it calls only when made to, so that a tool loop ends. Throws OpenAI's 400.
 */
export function calledTools(body: JsonObject, context: { prompt: string; afterTool: boolean }): ToolSpec[] {
  const tools = readTools(body.tools);
  const choice = isJsonObject(body.tool_choice) ? body.tool_choice : { type: body.tool_choice ?? 'auto' };
  if (choice.type === 'function') {
    return [namedTool(tools, choice.function)];
  }
  if (choice.type === 'allowed_tools' && isJsonObject(choice.allowed_tools)) {
    const { mode, tools: allowed } = choice.allowed_tools;
    const references: unknown[] = Array.isArray(allowed) ? allowed : [];
    const open = references.map((tool) => namedTool(tools, isJsonObject(tool) ? tool.function : undefined));
    return pick(open, { ...context, required: mode === 'required', parallel: body.parallel_tool_calls !== false });
  }
  if (tools.length === 0 || choice.type === 'none') {
    return [];
  }
  return pick(tools, {
    ...context,
    required: choice.type === 'required',
    parallel: body.parallel_tool_calls !== false,
  });
}

function readTools(tools: unknown): ToolSpec[] {
  const list: unknown[] = Array.isArray(tools) ? tools : [];
  return list.flatMap((tool) => {
    const spec = isJsonObject(tool) && tool.type === 'function' ? tool.function : undefined;
    if (!isJsonObject(spec) || typeof spec.name !== 'string') {
      return [];
    }
    return [{ name: spec.name, parameters: isJsonObject(spec.parameters) ? spec.parameters : NO_PARAMETERS }];
  });
}

const NO_PARAMETERS = { type: 'object', properties: {} };

function namedTool(tools: readonly ToolSpec[], reference: unknown): ToolSpec {
  const name = isJsonObject(reference) && typeof reference.name === 'string' ? reference.name : '';
  const found = tools.find((tool) => tool.name === name);
  if (found === undefined) {
    throw badRequest({
      param: 'tool_choice',
      message: `Invalid value: 'tool_choice' names '${name}', which is not in 'tools'.`,
    });
  }
  return found;
}

function pick(
  tools: readonly ToolSpec[],
  how: { prompt: string; afterTool: boolean; required: boolean; parallel: boolean },
): ToolSpec[] {
  const words = new Set(how.prompt.split(/[^\w-]+/));
  const asked =
    words.has('call') && (how.required || !how.afterTool) ? tools.filter((tool) => words.has(tool.name)) : [];
  const called = asked.length === 0 && how.required ? tools.slice(0, 1) : asked;
  return how.parallel ? called : called.slice(0, 1);
}
