import { existsSync, readFileSync } from 'node:fs';
import { basename, extname, resolve } from 'node:path';
import { parseDocument } from 'yaml';
import { ConfigError } from './config-error.js';
import { readVariable, type Environment } from './environment.js';

const DEFAULT_NAMES = ['tokenhub.yaml', 'tokenhub.yml', 'tokenhub.json'];

export interface RawConfigFile {
  /** As errors name it. */
  name: string;
  content: unknown;
  warnings: string[];
}

/**
 * Reads and parses the file that `TOKENHUB_CONFIG` names, else the first `tokenhub.yaml|.yml|.json` of the folder; without one
 * the content is empty. Throws a ConfigError for a file that is missing, unreadable or not parsable.
 */
export function readConfigFile(env: Environment, cwd: string): RawConfigFile {
  const named = readVariable(env, 'TOKENHUB_CONFIG');
  if (named !== undefined) return readAndParse(resolve(cwd, named), named, []);
  const [found, ...shadowed] = DEFAULT_NAMES.filter((name) => existsSync(resolve(cwd, name)));
  if (found === undefined) return { name: 'tokenhub.yaml', content: {}, warnings: [] };
  const warnings = shadowed.map((name) => `${name}: not read, because ${found} is there too`);
  return readAndParse(resolve(cwd, found), found, warnings);
}

function readAndParse(path: string, named: string, warnings: string[]): RawConfigFile {
  const name = basename(named);
  const extension = extname(path).toLowerCase();
  if (!['.yaml', '.yml', '.json'].includes(extension)) {
    throw new ConfigError('TOKENHUB_CONFIG', 'must name a .yaml, .yml or .json file');
  }
  const text = readText(path, named);
  return { name, content: extension === '.json' ? parseJson(text, name) : parseYaml(text, name), warnings };
}

function readText(path: string, named: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new ConfigError(named, `cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown error'})`);
  }
}

function parseJson(text: string, name: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    // V8's message quotes the source, which may hold a secret; only the place is taken from it.
    const place = /line \d+ column \d+/.exec(String(error))?.[0];
    throw new ConfigError(name, place === undefined ? 'is not valid JSON' : `is not valid JSON (${place})`);
  }
}

function parseYaml(text: string, name: string): unknown {
  const document = parseDocument(text, { prettyErrors: true });
  // A warning is an unknown tag (`!env NAME`): its writer expects something that would not happen.
  const fault = document.errors[0] ?? document.warnings[0];
  if (fault) {
    const place = fault.linePos?.[0];
    // The parser's message quotes the source, which may hold a secret.
    throw new ConfigError(
      name,
      `is not valid YAML (${fault.code}${place ? ` at line ${place.line}, column ${place.col}` : ''})`,
    );
  }
  try {
    return document.toJS();
  } catch {
    throw new ConfigError(name, 'is not valid YAML (too many or unresolved aliases)');
  }
}
