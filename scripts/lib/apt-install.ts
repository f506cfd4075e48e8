import { findProgram, runQuietly } from './programs.ts';
import { ExpectedError } from './steps.ts';

export interface AptOptions {
  packages: string[];
  /** What a person is told to do where this cannot. */
  instruction: string;
  say: (line: string) => void;
}

/** Installs packages of Debian without a question to anybody. Throws an `ExpectedError` where there is no apt, or no way to be root. */
export function aptInstall({ packages, instruction, say }: AptOptions): void {
  const asRoot = process.getuid?.() === 0 ? [] : runQuietly('sudo', ['-n', 'true']).ok ? ['sudo', '-n'] : undefined;
  if (asRoot === undefined || findProgram('apt-get') === undefined) throw new ExpectedError(instruction);
  for (const words of [
    ['apt-get', 'update'],
    ['apt-get', 'install', '-y', '--no-install-recommends', ...packages],
  ]) {
    const [command = '', ...args] = [...asRoot, ...words];
    say(`  … ${[command, ...args].join(' ')}`);
    const { ok, output } = runQuietly(command, args, { DEBIAN_FRONTEND: 'noninteractive' });
    if (!ok)
      throw new ExpectedError(`${command} failed:\n${output.split('\n').slice(-15).join('\n')}\n  ${instruction}`);
  }
}
