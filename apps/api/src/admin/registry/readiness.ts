import { readProcesses, type ProcessReport } from '#platform/process-identity.js';
import type { RedisClient } from '#platform/redis.js';
import type { ProviderConfig } from '#platform/config/config.js';
import type { LiveRegistry } from '#registry/live-registry.js';
import type { MergedRegistry, RegistryEntry, RegistryKind } from '#registry/merge-registry.js';

/** Whether something could take work now; null while no worker has told of the newest registry. */
export interface Readiness {
  ready: boolean | null;
  warnings: string[];
}

/** What workers say of the registry. */
export class WorkerSight {
  constructor(
    private readonly redis: RedisClient,
    private readonly registry: LiveRegistry,
  ) {}

  /** How each entry of this registry stands. */
  async look(merged: MergedRegistry): Promise<(kind: RegistryKind, entry: RegistryEntry<unknown>) => Readiness> {
    const workers = (await readProcesses(this.redis)).filter(({ role }) => role === 'worker');
    const { version } = this.registry.current;
    const informed = workers.filter((worker) => worker.registry === version);
    return readinessOf(merged, { running: workers.length, informed });
  }
}

interface Workers {
  running: number;
  /** Those that tell of the newest registry. */
  informed: readonly ProcessReport[];
}

/** How entries stand by what workers report. */
export function readinessOf(merged: MergedRegistry, workers: Workers) {
  const providers = new Map(merged.provider.map((entry) => [entry.id, providerReadiness(entry, workers)]));
  const models = new Map(
    merged.model.map(({ id, config }) => {
      const provider = config ? providers.get(config.provider)?.ready : false;
      return [id, config?.enabled === true ? (provider ?? null) : false] as const;
    }),
  );
  const aliases = new Map(
    merged.alias.map(({ id, config }) => {
      const members = (config?.members ?? []).map(({ model }) => models.get(model) ?? null);
      return [id, members.includes(true) ? true : members.includes(null) ? null : false] as const;
    }),
  );
  return (kind: RegistryKind, { id }: RegistryEntry<unknown>): Readiness => {
    switch (kind) {
      case 'provider':
        return providers.get(id) ?? { ready: null, warnings: [] };
      case 'model':
        return { ready: models.get(id) ?? null, warnings: [] };
      case 'alias':
        return { ready: aliases.get(id) ?? null, warnings: [] };
    }
  };
}

function providerReadiness({ config }: RegistryEntry<ProviderConfig>, { running, informed }: Workers): Readiness {
  if (!config) return { ready: false, warnings: [] };
  if (running === 0) return { ready: false, warnings: ['No worker runs.'] };
  if (informed.length === 0) return { ready: config.enabled ? null : false, warnings: [] };
  const lacking = informed.filter(({ credentials }) => !credentials?.includes(config.id)).length;
  if (lacking === 0) return { ready: config.enabled, warnings: [] };
  const who = lacking === informed.length ? 'No worker has' : `${lacking} of ${informed.length} workers lack`;
  return { ready: config.enabled && lacking < informed.length, warnings: [`${who} ${secretOf(config)}.`] };
}

function secretOf({ credential }: ProviderConfig): string {
  switch (credential.source) {
    case 'env':
      return `the variable ${credential.name} that should hold its secret`;
    case 'escrow':
      return `the secret ${credential.name} of the vault`;
    case 'config':
    case 'none':
      return 'its secret in the configuration file';
  }
}
