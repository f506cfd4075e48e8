import {
  Global,
  Module,
  type DynamicModule,
  type OnApplicationShutdown,
  type OnModuleInit,
  type Provider,
} from '@nestjs/common';
import type { Database } from '#database/connect-database.js';
import type { TokenhubConfig } from '#platform/config/config.js';
import { processEnvironment } from '#platform/config/environment.js';
import type { Logger } from '#platform/logging.js';
import { CONFIG, LOGGER, PROCESS_ID, REDIS, REDIS_SUBSCRIBER } from '#platform/platform.module.js';
import type { RedisClient } from '#platform/redis.js';
import type { CredentialStores } from '#registry/credentials.js';
import { CIPHER } from './cipher.js';
import { Escrow } from './escrow.js';
import { HandOver, type HandOverRefused } from './hand-over.js';
import { KeyExchange } from './key-exchange.js';
import { LiveVault } from './live-vault.js';
import { newBoxKeyPair, sealedBoxesReady } from './sealed-box.js';
import { VaultOpener } from './vault-opener.js';
import { VaultStatusStore } from './vault-status.js';
import { VaultStore } from './vault-store.js';

/** `@Inject(CREDENTIAL_STORES)`: the CredentialStores of this process. */
export const CREDENTIAL_STORES = Symbol('credential stores');

/** The vault in a process: whether it is open, its cipher, and its secrets. */
@Global()
@Module({})
export class VaultModule implements OnModuleInit, OnApplicationShutdown {
  constructor(
    private readonly vault: LiveVault,
    private readonly escrow: Escrow,
  ) {}

  /** `database`: what the process's Database, or null, is injected by. */
  static using(database: symbol): DynamicModule {
    const providers: Provider[] = [
      {
        provide: VaultStore,
        inject: [database],
        useFactory: (connected: Database | null) => connected && new VaultStore(connected.db),
      },
      {
        provide: LiveVault,
        inject: [CONFIG, REDIS, REDIS_SUBSCRIBER, PROCESS_ID, VaultStore, LOGGER],
        useFactory: buildVault,
      },
      { provide: CIPHER, inject: [LiveVault], useFactory: (vault: LiveVault) => vault.cipher },
      {
        provide: Escrow,
        inject: [REDIS, REDIS_SUBSCRIBER, LiveVault, LOGGER],
        useFactory: (redis: RedisClient, subscriber: RedisClient, { cipher }: LiveVault, logger: Logger) =>
          new Escrow({ redis, subscriber, cipher, onError: (error) => logger.debug({ err: error }, 'escrow') }),
      },
      {
        provide: CREDENTIAL_STORES,
        inject: [CONFIG, Escrow],
        useFactory: ({ secrets }: TokenhubConfig, escrow: Escrow): CredentialStores => ({
          ...{ env: processEnvironment(), configSecrets: secrets, escrow },
        }),
      },
    ];
    return { module: VaultModule, providers, exports: providers };
  }

  /** Before anything takes work that needs a secret. */
  async onModuleInit(): Promise<void> {
    await this.escrow.start();
    await this.vault.start();
  }

  /** Whoever needed a secret has ended by now. */
  onApplicationShutdown(): void {
    this.escrow.stop();
    this.vault.stop();
  }
}

async function buildVault(
  ...[config, redis, subscriber, processId, store, logger]: [
    TokenhubConfig,
    RedisClient,
    RedisClient,
    string,
    VaultStore | null,
    Logger,
  ]
): Promise<LiveVault> {
  await sealedBoxesReady();
  const { encryptionKey, clusterSecret } = config.vault.keys();
  const onRefused = ({ kind, fault }: HandOverRefused, process: string): void =>
    logger.warn({ code: `hand_over_${fault}`, kind, process }, 'a hand-over of the data keys was refused');
  const exchange =
    clusterSecret &&
    new KeyExchange({
      redis,
      processId,
      handOver: new HandOver({ processId, pair: newBoxKeyPair(), clusterSecret }),
      onRefused: sparingly(onRefused),
    });
  return new LiveVault({
    status: new VaultStatusStore(redis),
    subscriber,
    exchange,
    opener: store && new VaultOpener({ store, encryptionKey }),
    onError: (error) => logger.warn({ err: error }, 'vault'),
  });
}

/** Whoever is refused asks again and again: one line a minute for each and each reason. */
const AGAIN_MS = 60_000;
const MOST_KNOWN = 1_000;

function sparingly(
  report: (refused: HandOverRefused, process: string) => void,
): (refused: HandOverRefused, process: string) => void {
  const reported = new Map<string, number>();
  return (refused, process) => {
    const what = `${refused.kind} ${refused.fault} ${process}`;
    const now = performance.now();
    if (now - (reported.get(what) ?? -Infinity) < AGAIN_MS) return;
    if (reported.size >= MOST_KNOWN) reported.clear();
    reported.set(what, now);
    report(refused, process);
  };
}
