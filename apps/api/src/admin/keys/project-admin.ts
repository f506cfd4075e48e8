import { TokenhubError } from '#contracts/error-catalogue.js';
import type { DeclaredKeys } from '#registry/declared-keys.js';
import { KEY_KIND, PROJECT_KIND, type KeyDefinition, type ProjectDefinition } from '#registry/made-keys.js';
import type { ChangedBy, SettingsChange, SettingsDocument } from '#settings/settings-store.js';
import { ENDPOINT_KIND, ownerOf } from '#webhooks/endpoint-definition.js';
import { changedUse, PLAIN_PROJECT } from './key-definition.js';
import { declaredViews, projectView, type AdminView } from './key-views.js';
import type { KnownModels } from './known-models.js';
import type { NewProjectDto } from './project.dto.js';
import {
  asPrecondition,
  declaredError,
  requireNoVersion,
  requireVersion,
  type ChangeRequest,
  type StoredKeys,
} from './stored-keys.js';
import type { UseDto } from './use.dto.js';

export interface AdminDeps {
  config: DeclaredKeys;
  stored: StoredKeys;
  models: KnownModels;
  /** Publishes the webhook endpoints. */
  endpoints: { publish(): Promise<void> };
  now: () => number;
}

/** What an answer shows, and the version of what it shows; null for what is declared. */
export interface Shown {
  view: AdminView;
  version: number | null;
}

const SHOWN_KEYS = 5;

/** Projects, as the administrator handles them. */
export class ProjectAdmin {
  private readonly declared: ReadonlyMap<string, AdminView>;

  constructor(private readonly deps: AdminDeps) {
    this.declared = declaredViews(deps.config).projects;
  }

  /** All. What is declared hides what is stored under its id. */
  async list(): Promise<AdminView[]> {
    const stored = (await this.deps.stored.all(PROJECT_KIND)).filter(({ id }) => !this.declared.has(id));
    return [...this.declared.values(), ...stored.map(projectView)];
  }

  /** Throws `project_not_found`. */
  async read(id: string): Promise<Shown> {
    const declared = this.declared.get(id);
    if (declared) return { view: declared, version: null };
    const document = await this.deps.stored.read(PROJECT_KIND, id);
    return { view: projectView(document), version: document.version };
  }

  /** Throws `already_exists`. */
  async create({ id, ...body }: NewProjectDto, by: ChangedBy): Promise<Shown> {
    if (this.declared.has(id)) throw declaredError(PROJECT_KIND, id);
    return this.insert(id, body, by);
  }

  /** Makes it, or puts this in the place of all that it was. */
  async put(
    id: string,
    body: UseDto,
    { ifMatch, ifNoneMatch, by }: ChangeRequest,
  ): Promise<Shown & { created: boolean }> {
    this.requireStored(id);
    if (ifNoneMatch?.trim() === '*') {
      return { ...(await this.insert(id, body, by).catch(asPrecondition)), created: true };
    }
    try {
      return { ...(await this.change(id, body, { from: PLAIN_PROJECT, ifMatch, by })), created: false };
    } catch (error) {
      if (!(error instanceof TokenhubError && error.code === 'project_not_found')) throw error;
      requireNoVersion(ifMatch, { kind: PROJECT_KIND, id });
      return { ...(await this.insert(id, body, by)), created: true };
    }
  }

  /** What is given takes the place of what was. */
  async patch(id: string, body: UseDto, { ifMatch, by }: ChangeRequest): Promise<Shown> {
    this.requireStored(id);
    return this.change(id, body, { from: null, ifMatch, by });
  }

  /** Throws `in_use` while it has keys. Of what is declared it deletes the one that is hidden by it. */
  async delete(id: string, { ifMatch, by }: ChangeRequest): Promise<void> {
    const { stored } = this.deps;
    const { version } = await stored.read(PROJECT_KIND, id).catch((error: unknown) => this.explain(error, id));
    requireVersion(ifMatch, { kind: PROJECT_KIND, id, version });
    const change = {
      change: 'delete',
      kind: PROJECT_KIND,
      id,
      version: ifMatch === undefined ? null : version,
    } as const;
    await stored.write(change, {
      kinds: [KEY_KIND, ENDPOINT_KIND],
      by,
      check: (current) => {
        const own = current.filter((one) => one.kind === KEY_KIND && (one.definition as KeyDefinition).project === id);
        // Of what is declared only the one that it hides is deleted: the keys stay in a project.
        if (own.length > 0 && !this.declared.has(id)) throw inUse(id, own);
      },
      // A project of the same id that is made later must not tell the webhook endpoints of this one.
      alongside: (current) => (this.declared.has(id) ? [] : deletionOfEndpoints(id, current)),
    });
    await this.deps.endpoints.publish();
  }

  private async insert(id: string, body: UseDto, by: ChangedBy): Promise<Shown> {
    const { stored, models } = this.deps;
    await models.check(body);
    const definition: ProjectDefinition = changedUse(PLAIN_PROJECT, body);
    const document = await stored.write(
      { change: 'insert', kind: PROJECT_KIND, id, definition },
      { check: () => undefined, by },
    );
    if (!document) throw new Error(`the new project ${id} is not there`);
    return { view: projectView(document), version: document.version };
  }

  private async change(
    id: string,
    body: UseDto,
    { from, ifMatch, by }: { from: ProjectDefinition | null; ifMatch: string | undefined; by: ChangedBy },
  ): Promise<Shown> {
    const { stored, models } = this.deps;
    await models.check(body);
    const document = await stored.update<ProjectDefinition>(
      { kind: PROJECT_KIND, id, ifMatch, by },
      { next: (current) => changedUse(from ?? current, body), check: () => undefined },
    );
    return { view: projectView(document), version: document.version };
  }

  private explain(error: unknown, id: string): never {
    throw this.declared.has(id) ? declaredError(PROJECT_KIND, id) : error;
  }

  private requireStored(id: string): void {
    if (this.declared.has(id)) throw declaredError(PROJECT_KIND, id);
  }
}

function inUse(id: string, keys: readonly { id: string }[]): TokenhubError {
  const shown = keys.slice(0, SHOWN_KEYS).map((key) => key.id);
  const more = keys.length > SHOWN_KEYS ? ` and ${keys.length - SHOWN_KEYS} more` : '';
  return new TokenhubError('in_use', `The project "${id}" has keys: ${shown.join(', ')}${more}. Delete them first.`, {
    shouldRetry: false,
  });
}

function deletionOfEndpoints(project: string, current: readonly SettingsDocument[]): SettingsChange[] {
  return current
    .filter(({ kind, id }) => kind === ENDPOINT_KIND && ownerOf(id).project === project)
    .map(({ kind, id }) => ({ change: 'delete', kind, id, version: null }));
}
