import { isJsonObject, type JsonObject } from '#contracts/json.js';
import { badRequest } from './anthropic-errors.js';
import type { ToolSpec } from './draft.js';
import { calledTools } from './openai-tools.js';

/** The tools that the model calls, by the same rule as in OpenAI's protocol. Throws Anthropic's 400. */
export function calledByClaude(body: JsonObject, context: { prompt: string; afterTool: boolean }): ToolSpec[] {
  const tools = (Array.isArray(body.tools) ? (body.tools as unknown[]) : []).filter(isJsonObject);
  const choice = isJsonObject(body.tool_choice) ? body.tool_choice : { type: 'auto' };
  if (choice.type === 'tool' && !tools.some(({ name }) => name === choice.name)) {
    throw badRequest(`tool_choice: Tool '${String(choice.name)}' not found in provided tools`);
  }
  if (tools.some((tool) => tool.type === undefined && !isJsonObject(tool.input_schema))) {
    throw badRequest('tools.0.custom.input_schema: Field required');
  }
  const asOpenAi = {
    tools: tools.map(({ name, input_schema: parameters }) => ({ type: 'function', function: { name, parameters } })),
    tool_choice: choice.type === 'tool' ? { type: 'function', function: { name: choice.name } } : wordOf(choice.type),
    parallel_tool_calls: choice.disable_parallel_tool_use !== true,
  };
  return calledTools(asOpenAi, context);
}

function wordOf(type: unknown): unknown {
  return type === 'any' ? 'required' : type;
}
