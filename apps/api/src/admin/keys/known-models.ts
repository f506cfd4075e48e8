import { TokenhubError } from '#contracts/error-catalogue.js';
import type { LiveRegistry } from '#registry/live-registry.js';
import type { UseDefinition } from '#registry/made-keys.js';
import type { SettingsStore } from '#settings/settings-store.js';
import type { UseDto } from './use.dto.js';

/** Refuses names that no model or alias has. */
export class KnownModels {
  constructor(
    private readonly registry: Pick<LiveRegistry, 'current'>,
    private readonly settings: Pick<SettingsStore, 'read'> | null,
  ) {}

  /** Throws `unknown_reference` for what the body names in vain. */
  async check({ allowed_models: allowed, policy }: UseDto): Promise<void> {
    for (const id of allowed ?? []) {
      if (!(await this.exists(id, ['model', 'alias'])))
        throw unknown('allowed_models', `no model or alias ${show(id)}`);
    }
    for (const id of policy?.models ?? []) {
      if (!(await this.exists(id, ['model']))) throw unknown('policy.models', `no model ${show(id)}`);
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

/**
 * Throws `unknown_reference` when the policy names what the list does not allow: in the whole that a body makes of what was there. A body that
 * says nothing of either changes nothing about it.
 */
export function checkAllowed(body: UseDto, { allowed_models: allowed, policy }: UseDefinition): void {
  if (body.allowed_models === undefined && body.policy === undefined) return;
  const missing = policy.models?.find((id) => allowed && !allowed.includes(id));
  if (missing !== undefined) throw unknown('policy.models', `no ${show(missing)} in allowed_models`);
}

function unknown(param: string, missing: string): TokenhubError {
  return new TokenhubError('unknown_reference', `${param}: there is ${missing}.`, { param });
}

function show(id: string): string {
  return JSON.stringify(id.slice(0, 100));
}
