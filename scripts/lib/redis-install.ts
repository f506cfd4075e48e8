import { findProgram, runQuietly } from './programs.ts';

export interface InstallCommand {
  command: string;
  args: string[];
  env?: Record<string, string>;
  /** Its failure is no failure. */
  optional?: boolean;
}

export interface Machine {
  platform: NodeJS.Platform;
  /** How to become root without being asked: [] when it is root already, undefined when it cannot. */
  asRoot: string[] | undefined;
  has(program: string): boolean;
}

/** How to install a Redis here without a question to anybody, or undefined when that cannot be done. */
export function installPlan(machine: Machine = thisMachine()): InstallCommand[] | undefined {
  if (machine.platform === 'darwin') {
    return machine.has('brew')
      ? [{ command: 'brew', args: ['install', 'redis'], env: { HOMEBREW_NO_AUTO_UPDATE: '1' } }]
      : undefined;
  }
  const { asRoot } = machine;
  const manager = MANAGERS.find(({ program }) => machine.has(program));
  if (machine.platform !== 'linux' || !asRoot || !manager) return undefined;
  return manager.commands.map(({ words, optional }) => {
    const [command = '', ...args] = [...asRoot, ...words];
    return { command, args, env: { DEBIAN_FRONTEND: 'noninteractive' }, optional };
  });
}

// Debian's package starts the server as a service on port 6379. Nothing needs it, and it was not there before, so it is stopped again.
const MANAGERS: { program: string; commands: { words: string[]; optional?: boolean }[] }[] = [
  {
    program: 'apt-get',
    commands: [
      { words: ['apt-get', 'update'] },
      { words: ['apt-get', 'install', '-y', '--no-install-recommends', 'redis-server'] },
      { words: ['service', 'redis-server', 'stop'], optional: true },
      { words: ['systemctl', 'disable', 'redis-server'], optional: true },
    ],
  },
  {
    program: 'dnf',
    commands: [
      { words: ['dnf', 'install', '-y', 'valkey'], optional: true },
      { words: ['sh', '-c', 'command -v valkey-server || dnf install -y redis'] },
    ],
  },
  { program: 'apk', commands: [{ words: ['apk', 'add', '--no-cache', 'redis'] }] },
];

function thisMachine(): Machine {
  return {
    platform: process.platform,
    asRoot: process.getuid?.() === 0 ? [] : runQuietly('sudo', ['-n', 'true']).ok ? ['sudo', '-n'] : undefined,
    has: (program) => findProgram(program) !== undefined,
  };
}
