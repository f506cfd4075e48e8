import type { Budget } from '#contracts/budgets.js';
import { nanoToUsd } from '#contracts/money.js';
import type { FileBudget } from '#platform/config/config-file.js';
import type { KeyConfig, ProjectConfig, UseConfig } from '#platform/config/config.js';
import { ENVIRONMENT_KEY_ID } from '#platform/config/check-references.js';
import { SCOPES } from '#contracts/scopes.js';
import { DEFAULT_PROJECT, type DeclaredKeys } from '#registry/declared-keys.js';
import type { KeyDefinition, ProjectDefinition, UseDefinition } from '#registry/made-keys.js';
import type { SettingsDocument } from '#settings/settings-store.js';
import { iso, liveSecrets, PLAIN_PROJECT } from './key-definition.js';

/** A project or key as the administrator sees it. */
export interface AdminView extends Record<string, unknown> {
  id: string;
  declared: boolean;
}

export interface KeyView extends AdminView {
  project: string;
}

/** A project that was made over the admin API. */
export function projectView({ id, definition, ...document }: SettingsDocument): AdminView {
  return { object: 'project', id, declared: false, ...useView(definition as ProjectDefinition), ...timesOf(document) };
}

/** A key that was made over the admin API. Its secret is not in it: nobody has it any more. */
export function keyView({ id, definition, ...document }: SettingsDocument, nowMs: number): KeyView {
  const key = definition as KeyDefinition;
  const secrets = liveSecrets(key.secrets, nowMs);
  return {
    ...{ object: 'key', id, declared: false, project: key.project, hint: secrets[0]?.hint ?? null },
    ...useView(key),
    ...{ scopes: key.scopes, share: key.share, limits: key.limits, expires_at: key.expires_at },
    secrets: secrets.map(({ hint, created_at, ends_at }) => ({ hint, created_at, ends_at })),
    ...timesOf(document),
  };
}

/** The projects and keys that the configuration declares, by id. `default` is there even when nobody declares it. */
export function declaredViews({ projects, apiKey }: DeclaredKeys): {
  projects: ReadonlyMap<string, AdminView>;
  keys: ReadonlyMap<string, KeyView>;
} {
  const usual = projects.some(({ id }) => id === DEFAULT_PROJECT) ? [] : [declaredProject(DEFAULT_PROJECT)];
  const own = projects.map((project) => declaredProject(project.id, project));
  const environment = apiKey === null ? [] : [ENVIRONMENT_KEY];
  const keys = projects.flatMap((project) => project.keys.map((key) => declaredKey(project, key)));
  return { projects: byId([...usual, ...own]), keys: byId([...environment, ...keys]) };
}

const NEVER = { created_at: null, updated_at: null };

function declaredProject(id: string, use?: UseConfig): AdminView {
  const definition = use ? definitionOf(use) : PLAIN_PROJECT;
  return { object: 'project', id, declared: true, ...useView(definition), ...NEVER };
}

function declaredKey({ id: project }: ProjectConfig, key: KeyConfig): KeyView {
  return {
    ...{ object: 'key', id: key.id, declared: true, project, hint: null },
    ...useView(definitionOf(key)),
    ...{ scopes: key.scopes, share: key.share, limits: key.limits },
    expires_at: key.expiresAtMs === null ? null : iso(key.expiresAtMs),
    secrets: [],
    ...NEVER,
  };
}

const ENVIRONMENT_KEY: KeyView = {
  ...{ object: 'key', id: ENVIRONMENT_KEY_ID, declared: true, project: DEFAULT_PROJECT, hint: null },
  ...useView(PLAIN_PROJECT),
  ...{ scopes: SCOPES, share: 1, limits: {}, expires_at: null, secrets: [] },
  ...NEVER,
};

function definitionOf({ name, disabled, allowedModels, policy, budget }: UseConfig): UseDefinition {
  return { name, disabled, allowed_models: allowedModels && [...allowedModels], policy, budget: inUsd(budget) };
}

function inUsd({ day, month }: Budget): FileBudget {
  return {
    ...(day !== undefined && { day_usd: nanoToUsd(day) }),
    ...(month !== undefined && { month_usd: nanoToUsd(month) }),
  };
}

function useView({ name, disabled, allowed_models, policy, budget }: UseDefinition): UseDefinition {
  return { name, disabled, allowed_models, policy, budget };
}

function timesOf({ createdMs, updatedMs }: Pick<SettingsDocument, 'createdMs' | 'updatedMs'>): Record<string, string> {
  return { created_at: iso(createdMs), updated_at: iso(updatedMs) };
}

function byId<V extends AdminView>(views: readonly V[]): Map<string, V> {
  return new Map(views.map((view) => [view.id, view]));
}
