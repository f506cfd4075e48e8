import { Global, Inject, Module, type DynamicModule, type OnApplicationShutdown, type Provider } from '@nestjs/common';
import { ConfigModule, registerAs } from '@nestjs/config';
import { LoggerModule } from 'nestjs-pino';
import type { TokenhubConfig } from './config/config.js';
import { loadProcessConfig, type LoadedConfig } from './config/load-config.js';
import { createLogger, NestLog, nestLogging, type Logger } from './logging.js';
import { newProcessId, type ProcessRole } from './process-identity.js';
import { untilRedisReady } from './redis-ready.js';
import { connectRedis, type RedisClient } from './redis.js';

/** `@Inject(CONFIG)`: the TokenhubConfig. */
export const CONFIG = Symbol('config');
/** `@Inject(LOGGER)`: the process's pino logger. */
export const LOGGER = Symbol('logger');
/** `@Inject(PROCESS_ID)`: this run's id. */
export const PROCESS_ID = Symbol('process id');
/** `@Inject(REDIS)`: the connection for commands. */
export const REDIS = Symbol('redis');
/** `@Inject(REDIS_SUBSCRIBER)`: the connection that subscribes. */
export const REDIS_SUBSCRIBER = Symbol('redis subscriber');

/** A Redis that hangs looks, to an HTTP request, like one that is away. */
const API_COMMAND_TIMEOUT_MS = 5_000;

const loadedConfig = registerAs('tokenhub', () => loadProcessConfig());

/** What every process stands on, for all modules: configuration, logger, identity, Redis. Connects before anything else starts. */
@Global()
@Module({})
export class PlatformModule implements OnApplicationShutdown {
  constructor(
    @Inject(REDIS) private readonly redis: RedisClient,
    @Inject(REDIS_SUBSCRIBER) private readonly subscriber: RedisClient,
  ) {}

  static forRole(role: ProcessRole): DynamicModule {
    const providers = platformProviders(role);
    return {
      module: PlatformModule,
      imports: [
        ConfigModule.forRoot({ ignoreEnvFile: true, isGlobal: true, load: [loadedConfig] }),
        LoggerModule.forRootAsync({ inject: [LOGGER], useFactory: nestLogging }),
      ],
      providers,
      exports: providers,
    };
  }

  /** The last step of a shutdown: everybody else has let go of Redis. */
  async onApplicationShutdown(): Promise<void> {
    await Promise.allSettled([this.redis.quit(), this.subscriber.quit()]);
    this.redis.disconnect();
    this.subscriber.disconnect();
  }
}

function platformProviders(role: ProcessRole): Provider[] {
  const connect = async (config: TokenhubConfig, logger: Logger, subscriber: boolean): Promise<RedisClient> => {
    const redis = connectRedis(config.redis, {
      name: subscriber ? `${role}-subscriber` : role,
      whenAway: role === 'api' && !subscriber ? 'fail' : 'wait',
      ...(role === 'api' && !subscriber && { commandTimeoutMs: API_COMMAND_TIMEOUT_MS }),
    });
    await untilRedisReady(redis, { target: config.redis, logger });
    return redis;
  };
  return [
    NestLog,
    { provide: CONFIG, inject: [loadedConfig.KEY], useFactory: (loaded: LoadedConfig) => loaded.config },
    {
      provide: LOGGER,
      inject: [loadedConfig.KEY],
      useFactory: ({ config, warnings }: LoadedConfig) => {
        const logger = createLogger(config.logLevel, role);
        for (const warning of warnings) logger.warn(warning);
        return logger;
      },
    },
    { provide: PROCESS_ID, useFactory: () => newProcessId(role) },
    {
      provide: REDIS,
      inject: [CONFIG, LOGGER],
      useFactory: (config: TokenhubConfig, logger: Logger) => connect(config, logger, false),
    },
    {
      provide: REDIS_SUBSCRIBER,
      inject: [CONFIG, LOGGER],
      useFactory: (config: TokenhubConfig, logger: Logger) => connect(config, logger, true),
    },
  ];
}
