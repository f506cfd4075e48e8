import { randomInt } from 'node:crypto';
import { budgetRules } from '#contracts/budgets.js';
import { TokenhubError } from '#contracts/error-catalogue.js';
import { toBudget } from '#platform/config/resolve-config-file.js';
import { KEY_KIND, type KeyDefinition } from '#registry/made-keys.js';
import { newSecret } from '#registry/key-secret.js';
import type { ChangedBy, SettingsDocument } from '#settings/settings-store.js';
import type { KeyDefinitionDto, KeyFieldsDto, NewKeyDto } from './key.dto.js';
import { changedKey, definedKey, iso, liveSecrets, rotated, secretOf } from './key-definition.js';
import { declaredViews, keyView, type AdminView, type KeyView } from './key-views.js';
import { checkAllowed } from './known-models.js';
import { type AdminDeps, type Shown } from './project-admin.js';
import {
  asPrecondition,
  declaredError,
  requireNoVersion,
  requireVersion,
  type ChangeRequest,
  type WriteOptions,
} from './stored-keys.js';

const ID_LETTERS = 'abcdefghijklmnopqrstuvwxyz0123456789';
const ID_LENGTH = 16;

/** API keys, as the administrator handles them. Secrets are in the answers that make them, and nowhere else. */
export class KeyAdmin {
  private readonly declared: ReadonlyMap<string, KeyView>;
  private readonly declaredProjects: ReadonlyMap<string, AdminView>;

  constructor(private readonly deps: AdminDeps) {
    ({ keys: this.declared, projects: this.declaredProjects } = declaredViews(deps.config));
  }

  /** All, or a project's. What is declared hides what is stored under its id. */
  async list(project: string | null): Promise<KeyView[]> {
    const stored = (await this.deps.stored.all(KEY_KIND)).filter(({ id }) => !this.declared.has(id));
    const views = [...this.declared.values(), ...stored.map((document) => keyView(document, this.deps.now()))];
    return project === null ? views : views.filter((view) => view.project === project);
  }

  /** Throws `key_not_found`. */
  async read(id: string): Promise<Shown> {
    const declared = this.declared.get(id);
    if (declared) return { view: declared, version: null };
    return this.shown(await this.deps.stored.read(KEY_KIND, id));
  }

  /** The new key with its secret. Throws `already_exists`. */
  async create({ id = newKeyId(), ...body }: NewKeyDto, by: ChangedBy): Promise<Shown> {
    this.requireStored(id);
    return this.insert(id, body, by);
  }

  /** Makes it, with a new secret, or puts this in the place of all that it was and leaves its secrets as they are. */
  async put(
    id: string,
    body: KeyDefinitionDto,
    { ifMatch, ifNoneMatch, by }: ChangeRequest,
  ): Promise<Shown & { created: boolean }> {
    this.requireStored(id);
    if (ifNoneMatch?.trim() === '*') {
      return { ...(await this.insert(id, body, by).catch(asPrecondition)), created: true };
    }
    try {
      return { ...(await this.replace(id, body, { ifMatch, by })), created: false };
    } catch (error) {
      if (!(error instanceof TokenhubError && error.code === 'key_not_found')) throw error;
      requireNoVersion(ifMatch, { kind: KEY_KIND, id });
      return { ...(await this.insert(id, body, by)), created: true };
    }
  }

  /** What is given takes the place of what was. */
  async patch(id: string, body: KeyFieldsDto, request: ChangeRequest): Promise<Shown> {
    this.requireStored(id);
    await this.deps.models.check(body);
    return this.update(id, request, (current) => {
      this.requireFuture(body, current.expires_at);
      return allowed(body, changedKey(current, body));
    });
  }

  /** A new secret beside the newest, which works until the overlap ends; with the key as it is now. */
  async rotate(id: string, overlapMs: number, { ifMatch, by }: ChangeRequest): Promise<Shown> {
    this.requireStored(id);
    const made = newSecret();
    const request = { ifMatch, by: { ...by, verb: 'rotated' } };
    // Without an overlap what is asked for is that the others end: that is answered only once it is true everywhere.
    const until = overlapMs === 0 ? 'publication' : 'commit';
    const document = await this.store(id, { ...request, until }, (current) => {
      const nowMs = this.deps.now();
      const secrets = rotated(current.secrets, secretOf(made, nowMs), { nowMs, overlapMs });
      return { ...current, secrets };
    });
    const { view, version } = this.shown(document);
    return { view: { ...view, secret: made.secret }, version };
  }

  /** Its jobs go on. Of what is declared it deletes the one that is hidden by it. */
  async delete(id: string, { ifMatch, by }: ChangeRequest): Promise<void> {
    const { stored } = this.deps;
    const { version, definition } = await stored.read(KEY_KIND, id).catch((error: unknown) => {
      throw this.declared.has(id) ? declaredError(KEY_KIND, id) : error;
    });
    requireVersion(ifMatch, { kind: KEY_KIND, id, version });
    const change = { change: 'delete', kind: KEY_KIND, id, version: ifMatch === undefined ? null : version } as const;
    await stored.write(change, { check: () => undefined, by });
    if (!this.declared.has(id)) await this.holdTo(id, { ...(definition as KeyDefinition), budget: {} });
  }

  private async insert(id: string, body: KeyDefinitionDto, by: ChangedBy): Promise<Shown> {
    const { stored, models, now } = this.deps;
    this.requireFuture(body, null);
    await models.check(body);
    const made = newSecret();
    const definition = allowed(body, definedKey(body, [secretOf(made, now())]));
    const document = await stored.write(
      { change: 'insert', kind: KEY_KIND, id, definition },
      { check: (projects) => this.requireProject(body.project, projects), by, until: 'commit' },
    );
    if (!document) throw new Error(`the new key ${id} is not there`);
    const { view, version } = this.shown(document);
    return { view: { ...view, secret: made.secret }, version };
  }

  private async replace(id: string, body: KeyDefinitionDto, request: ChangeRequest): Promise<Shown> {
    await this.deps.models.check(body);
    return this.update(id, request, (current) => {
      if (body.project !== current.project) {
        const message = `project: the key "${id}" belongs to the project "${current.project}" for good.`;
        throw new TokenhubError('invalid_value', message, { param: 'project' });
      }
      this.requireFuture(body, current.expires_at);
      return allowed(body, definedKey(body, current.secrets));
    });
  }

  private async update(
    id: string,
    request: ChangeRequest,
    next: (current: KeyDefinition) => KeyDefinition,
  ): Promise<Shown> {
    const document = await this.store(id, request, next);
    await this.holdTo(id, document.definition as KeyDefinition);
    return this.shown(document);
  }

  private async store(
    id: string,
    { ifMatch, by, until = 'publication' }: ChangeRequest & Pick<WriteOptions, 'until'>,
    next: (current: KeyDefinition) => KeyDefinition,
  ): Promise<SettingsDocument> {
    return this.deps.stored.update<KeyDefinition>(
      { kind: KEY_KIND, id, ifMatch, by },
      {
        next: (current) => next({ ...current, secrets: liveSecrets(current.secrets, this.deps.now()) }),
        check: () => undefined,
        until,
      },
    );
  }

  /** What its unfinished jobs may still top up follows its budget, too. */
  private async holdTo(key: string, { project, budget }: KeyDefinition): Promise<void> {
    const { budgets, now } = this.deps;
    await budgets.holdTo({ project, key, rules: budgetRules({ key: toBudget(budget), project: {} }) }, now());
  }

  private shown(document: SettingsDocument): Shown {
    return { view: keyView(document, this.deps.now()), version: document.version };
  }

  private requireStored(id: string): void {
    if (this.declared.has(id)) throw declaredError(KEY_KIND, id);
  }

  private requireProject(project: string, stored: readonly SettingsDocument[]): void {
    if (this.declaredProjects.has(project) || stored.some(({ id }) => id === project)) return;
    const message = `project: there is no project ${JSON.stringify(project.slice(0, 64))}.`;
    throw new TokenhubError('unknown_reference', message, { param: 'project' });
  }

  /** A key that has expired may be written again as it is. */
  private requireFuture({ expires_at: expiresAt }: KeyFieldsDto, current: string | null): void {
    if (expiresAt == null || Date.parse(expiresAt) > this.deps.now()) return;
    if (current !== null && iso(Date.parse(expiresAt)) === current) return;
    throw new TokenhubError('invalid_value', 'expires_at must be a time to come: disable a key to end it now.', {
      param: 'expires_at',
    });
  }
}

function allowed(body: KeyFieldsDto, definition: KeyDefinition): KeyDefinition {
  checkAllowed(body, definition);
  return definition;
}

function newKeyId(): string {
  const letters = Array.from({ length: ID_LENGTH }, () => ID_LETTERS.charAt(randomInt(ID_LETTERS.length)));
  return `key_${letters.join('')}`;
}
