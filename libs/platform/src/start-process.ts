import process from 'node:process';
import type { Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { ConfigError } from './config/config-error.js';
import type { TokenhubConfig } from './config/config.js';
import { loadProcessConfig } from './config/load-config.js';
import { NestLog, type Logger } from './logging.js';
import { CONFIG, LOGGER } from './platform.module.js';
import type { ProcessRole } from './process-identity.js';

export interface ProcessOptions {
  role: ProcessRole;
  module: Type;
  /** Where the process serves HTTP. */
  listen: (config: TokenhubConfig) => { readonly host: string; readonly port: number };
  /** Sets up the HTTP side before it listens. */
  prepare?: (app: NestExpressApplication, config: TokenhubConfig) => void;
}

/** The longest that an orderly shutdown may take: longer than any drain, shorter than Kubernetes waits before SIGKILL. */
const SHUTDOWN_MS = 20_000;

/**
 * Starts a process of Tokenhub and keeps it until SIGTERM or SIGINT, which shut it down in order. What cannot start says
 * why in one line on standard error and exits with 1.
 */
export async function startProcess(options: ProcessOptions): Promise<void> {
  try {
    // Nest would print a stack of its own around the one line that names the wrong value.
    loadProcessConfig();
    const settings = { bufferLogs: true, abortOnError: false, bodyParser: false };
    const app = await NestFactory.create<NestExpressApplication>(options.module, settings);
    app.useLogger(app.get(NestLog));
    // Ended on request is ended well: without this the process dies of the very signal again.
    app.enableShutdownHooks([], { useProcessExit: true });
    boundShutdown(options.role, app.get<Logger>(LOGGER));
    const config = app.get<TokenhubConfig>(CONFIG);
    options.prepare?.(app, config);
    const { host, port } = options.listen(config);
    await app.listen(port, host);
    app.get<Logger>(LOGGER).info(`${options.role} listens on http://${host}:${port}`);
  } catch (error) {
    process.stderr.write(`tokenhub ${options.role}: ${reasonOf(error)}\n`);
    process.exit(1);
  }
}

/** What waits for a Redis that does not return must not wait for ever: the record is safe, and others repair the rest. */
function boundShutdown(role: ProcessRole, logger: Logger): void {
  const leave = (): void => {
    setTimeout(() => {
      logger.warn(`${role} could not end in order within ${SHUTDOWN_MS / 1_000} s; leaving`);
      process.exit(1);
    }, SHUTDOWN_MS).unref();
  };
  process.once('SIGTERM', leave);
  process.once('SIGINT', leave);
}

/** Names of errors whose message says all that the person at the console can use. */
const FOR_PEOPLE = new Set(['DatabaseTooNew', 'MigrationFailed']);

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error instanceof ConfigError || FOR_PEOPLE.has(error.name)) return error.message;
  const { code, address, port } = error as NodeJS.ErrnoException & { address?: string; port?: number };
  if (code === 'EADDRINUSE') return `${address}:${port} is already in use`;
  return error.stack ?? error.message;
}
