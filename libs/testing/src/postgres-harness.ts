import { execFileSync } from 'node:child_process';
import { chownSync, existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { dirname, extname, join } from 'node:path';
import process from 'node:process';
import pg from 'pg';
import { findProgram, pathFolders } from './find-program.js';
import { freePort } from './free-port.js';
import { type RunningProcess, startProcess } from './process-harness.js';
import { temporaryFolder } from './reaper.js';
import { repositoryRoot } from './repository-root.js';

/** Every kind that the store must work over; suites run once for each. */
export const DATABASE_KINDS = ['pglite', 'postgres'] as const;
export type DatabaseKind = (typeof DATABASE_KINDS)[number];

export interface DatabaseServer {
  readonly url: string;
  /** Of its data. */
  readonly dir: string;
  /** Ends it and deletes its folder. */
  stop(): Promise<void>;
  /** SIGKILL; the folder stays for `restart`. */
  kill(): Promise<void>;
  /** Starts again on the same port and folder, after ending what runs. */
  restart(): Promise<void>;
  /** SIGSTOP: connections stay open, and nothing answers. */
  pause(): void;
  resume(): void;
}

/** A database server of the test's own on the loopback and a port of its own. Throws when its program cannot be had. */
export function startDatabase(kind: DatabaseKind): Promise<DatabaseServer> {
  return kind === 'pglite' ? startPglite() : startPostgres();
}

/** The embedded database, as `npm start` runs it; `tidyEveryMs` is how often it tidies up. */
export async function startPglite({ tidyEveryMs }: { tidyEveryMs?: number } = {}): Promise<DatabaseServer> {
  const port = await freePort();
  const url = `postgres://postgres@127.0.0.1:${port}/postgres`;
  const dir = temporaryFolder('pglite');
  // It imports packages alone: Node runs its source.
  const entry = join('libs', 'database', 'src', 'embedded-main.ts');
  const args = [join(dir, 'data'), String(port), ...(tidyEveryMs === undefined ? [] : [String(tidyEveryMs)])];
  const source = extname(import.meta.filename) === '.ts' ? entry : join('dist', entry.replace(/ts$/, 'js'));
  const launch = (): RunningProcess =>
    startProcess({ name: 'pglite', entry: source, args, isReady: () => answers(url) });
  return serverOf({ url, dir, launch });
}

/** A PostgreSQL of the machine's package. As root it is run by the user `postgres`, else by `nobody`: it refuses root. */
export async function startPostgres(): Promise<DatabaseServer> {
  const port = await freePort();
  const url = `postgres://postgres@127.0.0.1:${port}/postgres`;
  const dir = temporaryFolder('postgres');
  const user = unprivilegedUser();
  if (user) chownSync(dir, user.uid, user.gid);
  const data = join(dir, 'data');
  initialise(data, user);
  const settings = {
    listen_addresses: '127.0.0.1',
    port: String(port),
    unix_socket_directories: dir,
    max_connections: '200',
    // A crash of the process loses nothing without it; tests do not crash the machine.
    fsync: 'off',
  };
  const args = ['-D', data, ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])];
  const launch = (): RunningProcess =>
    startProcess({
      name: 'postgres',
      command: true,
      entry: postgresProgram('postgres'),
      args,
      cwd: dir,
      user,
      // Fast: SIGTERM would wait until every client has left.
      stopSignal: 'SIGINT',
      isReady: () => answers(url),
    });
  return serverOf({ url, dir, launch });
}

const INITDB = ['--username', 'postgres', '--auth', 'trust', '--encoding', 'UTF8', '--locale', 'C', '--no-sync'];

/** Makes an empty cluster. The first of this checkout is made by initdb (a second of work), which the suites have dozens of times; the others are its copies. */
function initialise(data: string, user: User | undefined): void {
  const initdb = postgresProgram('initdb');
  const version = execFileSync(initdb, ['--version'], { encoding: 'utf8' }).trim();
  const kept = join(repositoryRoot(), '.tokenhub', 'clusters', `${version} ${user?.uid ?? 'own'}`);
  if (existsSync(kept)) {
    copy(kept, data);
    return;
  }
  const cwd = dirname(data);
  execFileSync(initdb, ['--pgdata', data, ...INITDB], { cwd, stdio: ['ignore', 'ignore', 'pipe'], ...user });
  mkdirSync(dirname(kept), { recursive: true });
  const unfinished = mkdtempSync(`${kept} `);
  copy(data, join(unfinished, 'data'));
  try {
    renameSync(join(unfinished, 'data'), kept);
  } catch (error) {
    // Another suite was first.
    if (!existsSync(kept)) throw error;
  } finally {
    rmSync(unfinished, { recursive: true });
  }
}

/** With owners and modes, which PostgreSQL insists on. */
function copy(from: string, to: string): void {
  execFileSync('cp', ['-Rp', from, to], { stdio: ['ignore', 'ignore', 'pipe'] });
}

interface User {
  uid: number;
  gid: number;
}

/** A program of PostgreSQL 15 or later, from the PATH or where Debian puts it. Throws when there is none. */
export function postgresProgram(name: 'postgres' | 'initdb'): string {
  const debian = '/usr/lib/postgresql';
  const versions = existsSync(debian) ? readdirSync(debian).filter((version) => Number(version) >= 15) : [];
  const folders = [
    ...versions.toSorted((a, b) => Number(b) - Number(a)).map((version) => join(debian, version, 'bin')),
    ...pathFolders(),
  ];
  const found = findProgram([name], folders);
  if (found === undefined) throw new Error(`there is no ${name} of PostgreSQL 15 or later: \`npm test\` installs it`);
  return found;
}

function unprivilegedUser(): User | undefined {
  if (process.getuid?.() !== 0) return undefined;
  for (const name of ['postgres', 'nobody']) {
    try {
      return { uid: idOf(name, '-u'), gid: idOf(name, '-g') };
    } catch {
      // The next one then.
    }
  }
  throw new Error('PostgreSQL refuses to run as root, and there is neither a user postgres nor nobody to run it as');
}

function idOf(name: string, which: '-u' | '-g'): number {
  return Number(execFileSync('id', [which, name], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }));
}

async function serverOf({
  url,
  dir,
  launch,
}: {
  url: string;
  dir: string;
  launch: () => RunningProcess;
}): Promise<DatabaseServer> {
  let instance = launch();
  await instance.waitUntilReady();
  return {
    url,
    dir,
    stop: async () => {
      instance.resume();
      await instance.stop();
      rmSync(dir, { recursive: true, force: true });
    },
    kill: async () => {
      await instance.kill();
    },
    restart: async () => {
      instance.resume();
      await instance.stop();
      instance = launch();
      await instance.waitUntilReady();
    },
    pause: () => instance.pause(),
    resume: () => instance.resume(),
  };
}

/** PostgreSQL listens before it can answer. */
async function answers(url: string): Promise<boolean> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 2_000 });
  // What a connection that breaks reports besides: the refusal that matters is the one of connect() or query().
  client.on('error', () => undefined);
  try {
    await client.connect();
    await client.query('SELECT 1');
    return true;
  } finally {
    await client.end();
  }
}
