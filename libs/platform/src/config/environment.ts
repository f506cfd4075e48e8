import process from 'node:process';

/** Environment variables by name. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** The environment of this process: the only place where it is read. */
export function processEnvironment(): Environment {
  return process.env;
}

/** The folder that this process was started in. */
export function processDirectory(): string {
  return process.cwd();
}

/** A variable's value; an empty one counts as unset, as compose files and shells write `VAR=`. */
export function readVariable(env: Environment, name: string): string | undefined {
  // The environment inherits from every object: `constructor` is no variable.
  const value = Object.hasOwn(env, name) ? env[name]?.trim() : undefined;
  return value === '' ? undefined : value;
}

const OWN_VARIABLE = /^(TOKENHUB_|(REDIS|DATABASE)_URL$|PG[A-Z])/i;

/** True for what Tokenhub itself is opened with: as a credential it would go to whatever address a provider has. */
export function isOwnVariable(name: string): boolean {
  return OWN_VARIABLE.test(name);
}
