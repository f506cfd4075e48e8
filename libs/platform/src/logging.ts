import { Logger as NestPinoLogger, type Params } from 'nestjs-pino';
import { pino, type Logger, type LoggerOptions } from 'pino';
import { processEnvironment } from './config/environment.js';
import type { LogLevel } from './config/config.js';

export type { Logger };

/** Paths that never reach a log line, wherever an object that has them is logged. */
const REDACTED = [
  'authorization',
  'req.headers.authorization',
  'req.headers["x-api-key"]',
  'req.headers.cookie',
  'headers.authorization',
  'headers["x-api-key"]',
  'headers.cookie',
  'credential',
  'apiKey',
  'adminToken',
];

/** One JSON line per event, or a readable one with `TOKENHUB_LOG_FORMAT=pretty`; secrets are cut out in this one place. */
export function loggerOptions(level: LogLevel, role: string): LoggerOptions {
  const pretty = processEnvironment().TOKENHUB_LOG_FORMAT === 'pretty';
  return {
    level,
    base: { role },
    redact: { paths: REDACTED, censor: '[redacted]' },
    ...(pretty && {
      transport: {
        target: 'pino-pretty',
        options: { colorize: false, ignore: 'pid,hostname,role', translateTime: 'SYS:HH:MM:ss.l', singleLine: true },
      },
    }),
  };
}

/** A logger outside of Nest's container. */
export function createLogger(level: LogLevel, role: string): Logger {
  return pino(loggerOptions(level, role));
}

/**
 * Parameters of nestjs-pino's module. It runs on no route: a logger per request costs a tenth of a small request, and
 * what fails is logged where it is answered, with its request id.
 */
export function nestLogging(logger: Logger): Params {
  return { pinoHttp: { logger }, forRoutes: [] };
}

/** Nest's own log, without its report of every route and module at start. */
export class NestLog extends NestPinoLogger {
  override log(message: unknown, ...context: unknown[]): void {
    this.debug(message, ...context);
  }
}
