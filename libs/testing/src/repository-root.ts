import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** The checkout's root, found from this file, whether it runs from source or from `dist/`. */
export function repositoryRoot(): string {
  let folder = import.meta.dirname;
  while (!existsSync(join(folder, 'package-lock.json'))) {
    const parent = dirname(folder);
    if (parent === folder) throw new Error(`no package-lock.json above ${import.meta.dirname}`);
    folder = parent;
  }
  return folder;
}
