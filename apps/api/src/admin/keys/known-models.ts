import { TokenhubError } from '#contracts/error-catalogue.js';
import type { LiveRegistry } from '#registry/live-registry.js';
import type { SettingsStore } from '#settings/settings-store.js';
import type { UseDto } from './use.dto.js';

/** Refuses names that no model or alias has. */
export class KnownModels {
  constructor(
    private readonly registry: Pick<LiveRegistry, 'current'>,
    private readonly settings: Pick<SettingsStore, 'read'> | null,
  ) {}

  /** Throws `unknown_reference` for what the body names in vain, or its own list does not allow to its policy. */
  async check({ allowed_models: allowed, policy }: UseDto): Promise<void> {
    for (const id of allowed ?? []) {
      if (!(await this.exists(id, ['model', 'alias'])))
        throw unknown('allowed_models', `no model or alias ${show(id)}`);
    }
    for (const id of policy?.models ?? []) {
      if (!(await this.exists(id, ['model']))) throw unknown('policy.models', `no model ${show(id)}`);
      if (allowed && !allowed.includes(id)) throw unknown('policy.models', `no ${show(id)} in allowed_models`);
    }
  }

  /** One that was made a moment ago may be stored and not yet known here. */
  private async exists(id: string, kinds: readonly ('model' | 'alias')[]): Promise<boolean> {
    const { current } = this.registry;
    if (kinds.some((kind) => current[kind](id) !== undefined)) return true;
    for (const kind of kinds) if (await this.settings?.read(kind, id)) return true;
    return false;
  }
}

function unknown(param: string, missing: string): TokenhubError {
  return new TokenhubError('unknown_reference', `${param}: there is ${missing}.`, { param });
}

function show(id: string): string {
  return JSON.stringify(id.slice(0, 100));
}
