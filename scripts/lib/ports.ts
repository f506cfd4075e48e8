import { createServer } from 'node:net';
import { ExpectedError } from './steps.ts';

export interface WantedPort {
  /** For the message: `the API`. */
  for: string;
  port: number;
  /** What to set to use another. */
  variable: string;
}

/** Throws an `ExpectedError` that names every port in use, or wanted twice, and the variable to change it. */
export async function requireFreePorts(host: string, wanted: WantedPort[]): Promise<void> {
  const problems: string[] = [];
  for (const [index, one] of wanted.entries()) {
    const other = wanted.slice(0, index).find(({ port }) => port === one.port);
    if (other)
      problems.push(`Port ${one.port} is wanted by ${other.for} and by ${one.for}: set ${one.variable} to another.`);
    else if (!(await isPortFree(one.port, host))) {
      problems.push(
        `Port ${one.port} (for ${one.for}) is in use: end what holds it, or set ${one.variable} to another.`,
      );
    }
  }
  if (problems.length > 0) throw new ExpectedError(problems.join('\n  '));
}

/** Whether this process could listen there now. */
export async function isPortFree(port: number, host = '127.0.0.1'): Promise<boolean> {
  return (await listenOnce(port, host)) !== undefined;
}

/** The preferred port if it is free, else one that the kernel gives. */
export async function freePort(preferred: number): Promise<number> {
  const port = (await listenOnce(preferred, '127.0.0.1')) ?? (await listenOnce(0, '127.0.0.1'));
  if (port === undefined) throw new ExpectedError('No TCP port is free on 127.0.0.1.');
  return port;
}

/** The variable's port, or the default. Throws an `ExpectedError` that names the variable when it is not one. */
export function portFrom(
  env: NodeJS.ProcessEnv,
  { variable, otherwise }: { variable: string; otherwise: number },
): number {
  const text = env[variable];
  if (text === undefined || text === '') return otherwise;
  const port = Number(text);
  if (Number.isInteger(port) && port >= 1 && port <= 65_535) return port;
  throw new ExpectedError(`${variable} is "${text}": a port is a number from 1 to 65535.`);
}

async function listenOnce(port: number, host: string): Promise<number | undefined> {
  const server = createServer();
  const listening = await new Promise<boolean>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve(false);
      else reject(new ExpectedError(`Cannot listen on ${host}:${port}: ${error.message}`));
    });
    server.listen({ port, host, exclusive: true }, () => resolve(true));
  });
  if (!listening) return undefined;
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return address !== null && typeof address === 'object' ? address.port : undefined;
}
