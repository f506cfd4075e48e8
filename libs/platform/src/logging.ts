import { Logger as NestPinoLogger, type Params } from 'nestjs-pino';
import { pino, stdSerializers, type Logger, type LoggerOptions } from 'pino';
import { processEnvironment } from './config/environment.js';
import type { LogLevel } from './config/config.js';

export type { Logger };

/** Fields that never reach a log line, however deep in a logged object or error, in any spelling. */
const SECRET_FIELDS = new Set([
  'authorization',
  'proxyauthorization',
  'cookie',
  'setcookie',
  'xapikey',
  'apikey',
  'admintoken',
  'csrftoken',
  'xcsrftoken',
  'credential',
  'password',
  'newpassword',
  'encryptionkey',
  'clustersecret',
  'plaintext',
  'secret',
  // ioredis hangs a failed command on its error, with all its arguments: prompts, answers, the password.
  'args',
]);
const CENSORED = '[redacted]';
/** Deeper than anything that is logged on purpose. */
const DEEPEST = 8;

/** One JSON line per event, or a readable one with `TOKENHUB_LOG_FORMAT=pretty`; secrets are cut out in this one place. */
export function loggerOptions(level: LogLevel, role: string): LoggerOptions {
  const pretty = processEnvironment().TOKENHUB_LOG_FORMAT === 'pretty';
  return {
    level,
    base: { role },
    formatters: { log: publicFields },
    // Already made of the error, by the formatter.
    serializers: { err: (error: unknown) => error },
    ...(pretty && {
      transport: {
        target: 'pino-pretty',
        options: { colorize: false, ignore: 'pid,hostname,role', translateTime: 'SYS:HH:MM:ss.l', singleLine: true },
      },
    }),
  };
}

/** A copy without the values of secret fields; errors in it become what pino shows of them. */
function publicFields(fields: object): Record<string, unknown> {
  return cut(fields, []) as Record<string, unknown>;
}

function cut(value: unknown, within: readonly object[]): unknown {
  if (typeof value !== 'object' || value === null || 'toJSON' in value) return value;
  if (within.length > DEEPEST || within.includes(value)) return '[…]';
  const path = [...within, value];
  if (Array.isArray(value)) return value.map((item) => cut(item, path));
  const fields = value instanceof Error ? stdSerializers.err(value) : value;
  const entries = Object.entries(fields).map(([name, field]: [string, unknown]) => {
    const secret = SECRET_FIELDS.has(name.toLowerCase().replaceAll(/[-_]/g, ''));
    return [name, secret ? CENSORED : cut(field, path)];
  });
  return Object.fromEntries(entries) as Record<string, unknown>;
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
