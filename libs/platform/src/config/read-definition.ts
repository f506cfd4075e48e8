import { ConfigError } from './config-error.js';
import type { ConfigFile } from './config-file.js';
import { validateConfigFile } from './validate-config-file.js';

/** The lists of the configuration file whose items can be set over the admin API, too. */
export type DefinitionList = 'providers' | 'models' | 'aliases';

/** Never shown: paths are given without it. */
const NAME = 'definition';

/**
 * Checks one item of such a list exactly as the file's are, and fills in the defaults. Throws a ConfigError whose `where` is the path
 * within the item, empty for the item itself.
 */
export function readDefinition<L extends DefinitionList>(list: L, definition: unknown): ConfigFile[L][number] {
  const file = checked(list, definition);
  const [item] = file[list];
  if (!item) throw new Error(`the check of one of the ${list} gave none`);
  return item;
}

function checked(list: DefinitionList, definition: unknown): ConfigFile {
  try {
    return validateConfigFile({ [list]: [definition] }, NAME);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const where = error.where.replace(`${NAME}: ${list}[0]`, '').replace(/^\./, '');
    throw new ConfigError(where, error.problem, error.fault);
  }
}
