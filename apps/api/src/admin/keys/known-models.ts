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

  /** Throws `invalid_value` for what the body names in vain, and for a policy of models that the body's own list does not allow. */
  async check({ allowed_models: allowed, policy }: UseDto): Promise<void> {
    for (const id of allowed ?? []) {
      if (!(await this.exists(id, ['model', 'alias'])))
        throw invalid('allowed_models', `no model or alias ${show(id)}`);
    }
    for (const id of policy?.models ?? []) {
      if (!(await this.exists(id, ['model']))) throw invalid('policy.models', `no model ${show(id)}`);
      if (allowed && !allowed.includes(id)) throw invalid('policy.models', `no ${show(id)} in allowed_models`);
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

function invalid(param: string, missing: string): TokenhubError {
  return new TokenhubError('invalid_value', `${param}: there is ${missing}.`, { param });
}

function show(id: string): string {
  return JSON.stringify(id.slice(0, 100));
}
