import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import process from 'node:process';

/** The folders of the PATH. */
export const pathFolders = (): string[] => (process.env.PATH ?? '').split(delimiter);

/** The full path of the first of these programs that the first of these folders has; undefined when none has any. */
export function findProgram(names: readonly string[], folders: readonly string[] = pathFolders()): string | undefined {
  return folders.flatMap((folder) => names.map((name) => join(folder, name))).find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
