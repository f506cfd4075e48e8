/** Types of `bootstrap.mjs` for its spec; the script itself stays plain so that Node 20 can run it. */
interface LockFile {
  packages: Record<string, { version?: string; optional?: boolean }>;
}
export declare function bootstrap(script: string): Promise<void>;
export declare function nodeProblem(version: string): string | undefined;
export declare function whyInstall(lock: LockFile | undefined, installed: LockFile | undefined): string | undefined;
