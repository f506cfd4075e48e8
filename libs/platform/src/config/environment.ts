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

/** JSON Schema has no flags, and on some systems names of variables have no case. */
const anyCase = (word: string): string => word.replaceAll(/[A-Z]/g, (letter) => `[${letter}${letter.toLowerCase()}]`);

/** How the names of what Tokenhub itself is opened with begin: as a credential it would go to whatever address a provider has. */
export const OWN_VARIABLE = `(${anyCase('TOKENHUB_')}|(${anyCase('REDIS')}|${anyCase('DATABASE')})${anyCase('_URL')}$|${anyCase('PG')}[A-Za-z])`;

const STARTS_AS_OWN = new RegExp(`^${OWN_VARIABLE}`);

/** True for such a name. */
export function isOwnVariable(name: string): boolean {
  return STARTS_AS_OWN.test(name);
}
