import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import process from 'node:process';

/*
 * The Dockerfile's steps on the host, without an engine: each stage becomes a folder that stands for the image's root, and a
 * stage `FROM` another begins with a copy of it. System steps (packages, owners, users) are left out, and only those:
 * a command that the walk does not know is an error.
 */

export interface Instruction {
  /** In capitals: `COPY`. */
  name: string;
  /** Without its flags. */
  text: string;
  flags: Record<string, string>;
}

export interface Stage {
  name: string;
  from: string;
  instructions: Instruction[];
}

export interface WalkedStage {
  /** Stands for `/`. */
  root: string;
  /** As in the image: `/app`. */
  workdir: string;
  env: Record<string, string>;
  user: string;
  command: string[];
  healthcheck: string[];
  stopSignal: string;
}

export interface WalkPlaces {
  /** The build context. */
  context: string;
  /** An empty folder for the stages. */
  into: string;
  /** Dependencies that are installed already from the same lock file; stand in for an install with the development ones. */
  nodeModules: string;
}

/** Every stage in order, variables of `ARG` before the first one filled in. */
export function parseDockerfile(text: string): Stage[] {
  const stages: Stage[] = [];
  const args: Record<string, string> = {};
  for (const instruction of instructionsOf(text)) {
    const stage = stages.at(-1);
    if (instruction.name === 'FROM') {
      const [, from = '', name = ''] = /^(\S+) AS (\S+)$/i.exec(expand(instruction.text, args)) ?? [];
      stages.push({ name, from, instructions: [] });
    } else if (stage) stage.instructions.push(instruction);
    else Object.assign(args, assignments(instruction.text));
  }
  return stages;
}

/** What `COPY` of the build context names. */
export function contextSources(stage: Stage): string[] {
  return stage.instructions
    .filter(({ name, flags }) => name === 'COPY' && flags.from === undefined)
    .flatMap(({ text }) => text.split(/\s+/).slice(0, -1));
}

/** Carries out the stages and gives them by name. Throws with the output of a step that fails. */
export function walkDockerfile(stages: readonly Stage[], places: WalkPlaces): Map<string, WalkedStage> {
  const walked = new Map<string, WalkedStage>();
  for (const stage of stages) {
    const image = beginStage(stage, walked.get(stage.from), places);
    for (const instruction of stage.instructions) carryOut(instruction, { image, walked, places });
    walked.set(stage.name, image);
  }
  return walked;
}

function beginStage(stage: Stage, base: WalkedStage | undefined, { into }: WalkPlaces): WalkedStage {
  const root = join(into, stage.name);
  mkdirSync(root, { recursive: true });
  if (!base) return { root, workdir: '/', env: {}, user: 'root', command: [], healthcheck: [], stopSignal: '' };
  // A layer is never written to again: what is large is shared.
  const shared = join(base.workdir, 'node_modules');
  cpSync(base.root, root, { recursive: true, filter: (path) => path !== join(base.root, shared) });
  symlinkSync(join(base.root, shared), join(root, shared));
  return { ...base, root, env: { ...base.env } };
}

interface Walk {
  image: WalkedStage;
  walked: ReadonlyMap<string, WalkedStage>;
  places: WalkPlaces;
}

function carryOut({ name, text, flags }: Instruction, walk: Walk): void {
  const { image } = walk;
  switch (name) {
    case 'WORKDIR':
      image.workdir = text;
      mkdirSync(join(image.root, text), { recursive: true });
      break;
    case 'ENV':
      Object.assign(image.env, assignments(text));
      break;
    case 'COPY':
      copy(text, flags.from, walk);
      break;
    case 'RUN':
      for (const command of text.split('&&')) run(command.trim(), walk);
      break;
    case 'USER':
      image.user = text;
      break;
    case 'CMD':
      image.command = execForm(text);
      break;
    case 'HEALTHCHECK':
      image.healthcheck = execForm(text.replace(/^CMD /, ''));
      break;
    case 'STOPSIGNAL':
      image.stopSignal = text;
      break;
    case 'EXPOSE':
    case 'VOLUME':
      break;
    default:
      throw new Error(`the walk does not know ${name}`);
  }
}

function copy(text: string, from: string | undefined, { image, walked, places }: Walk): void {
  const sources = text.split(/\s+/);
  const target = sources.pop() ?? '';
  const stage = from === undefined ? undefined : walked.get(from);
  if (from !== undefined && !stage) throw new Error(`COPY --from=${from}: there is no such stage before`);
  const to = target.startsWith('/') ? join(image.root, target) : join(image.root, image.workdir, target);
  const isFolder = /\/$|^\.$/.test(target);
  for (const source of sources) {
    const path = join(stage?.root ?? places.context, source);
    mkdirSync(isFolder ? to : dirname(to), { recursive: true });
    cpSync(path, isFolder ? join(to, basename(source)) : to, { recursive: true });
  }
}

const SYSTEM_STEP = /^(apt-get (update|install)|rm -rf \/var\/lib\/apt\/lists|chown)\b/;

function run(command: string, { image, places }: Walk): void {
  const cwd = join(image.root, image.workdir);
  if (SYSTEM_STEP.test(command)) return;
  const made = /^mkdir -p (\/\S+)$/.exec(command)?.[1];
  if (made !== undefined) mkdirSync(join(image.root, made), { recursive: true });
  else if (/^npm ci\b(?!.*--omit=dev)/.test(command)) symlinkSync(places.nodeModules, join(cwd, 'node_modules'));
  else if (/^npm (ci|run) /.test(command)) npm(command, cwd);
  else throw new Error(`the walk does not know RUN ${command}`);
}

function npm(command: string, cwd: string): void {
  // What `npm run` tells its scripts would lead this npm to the checkout; where the registry is, it still has to know.
  const foreign = /^(NODE_OPTIONS|NODE_ENV|INIT_CWD|npm_(package|lifecycle)_.*|npm_config_local_prefix|npm_command)$/i;
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !foreign.test(name)));
  const [program = '', ...args] = command.split(/\s+/);
  const done = spawnSync(program, args, {
    cwd,
    env: { ...env, npm_config_prefer_offline: 'true' },
    encoding: 'utf8',
    timeout: 150_000,
  });
  if (done.status !== 0)
    throw new Error(`${command} failed: ${done.error?.message ?? ''}\n${done.stdout}${done.stderr}`);
}

function instructionsOf(text: string): Instruction[] {
  const lines = text.replace(/^\s*#.*\n/gm, '').replace(/\\\n/g, ' ');
  return lines
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => {
      const [, name = '', rest = ''] = /^(\w+)\s+(.*)$/.exec(line.trim()) ?? [];
      const flags = /^(--[a-z-]+=\S+\s+)*/.exec(rest)?.[0] ?? '';
      return {
        name: name.toUpperCase(),
        text: rest.slice(flags.length).trim(),
        flags: Object.fromEntries(
          [...flags.matchAll(/--([a-z-]+)=(\S+)/g)].map(([, flag = '', value = '']) => [flag, value] as const),
        ),
      };
    });
}

function execForm(text: string): string[] {
  const words: unknown = JSON.parse(text);
  if (!Array.isArray(words) || words.some((word) => typeof word !== 'string'))
    throw new Error(`not in exec form: ${text}`);
  return words as string[];
}

function assignments(text: string): Record<string, string> {
  return Object.fromEntries(
    text.split(/\s+/).map((one) => [one.slice(0, one.indexOf('=')), one.slice(one.indexOf('=') + 1)]),
  );
}

function expand(text: string, values: Record<string, string>): string {
  return text.replace(/\$\{(\w+)\}/g, (_whole, name: string) => values[name] ?? '');
}

/** Whether `.dockerignore` lets a path of the context through: `*` shuts everything out, `!x` lets x and what is in it in. */
export function isInContext(path: string, context: string): boolean {
  const rules = readFileSync(join(context, '.dockerignore'), 'utf8').split('\n');
  const [top = ''] = path.split('/');
  return rules.includes('*') && rules.includes(`!${top}`) && existsSync(join(context, path));
}
