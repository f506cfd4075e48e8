import { TokenhubError } from '#contracts/error-catalogue.js';
import { ID_PATTERN } from '#contracts/own-ids.js';
import type { PublishOptions, SettingsPublisher } from '#settings/settings-publisher.js';
import {
  SettingsConflict,
  type SettingsChange,
  type SettingsDocument,
  type SettingsStore,
} from '#settings/settings-store.js';
import type { ChangeTurns } from './change-turns.js';
import { documentId, ENDPOINT_KIND, ownerOf, type EndpointDefinition } from '#webhooks/endpoint-definition.js';

/** How many a project may have, beside those that are declared. */
export const MOST_ENDPOINTS = 20;

export interface StoredEndpointsDeps {
  /** Null where no database is configured. */
  settings: SettingsStore | null;
  publisher: Pick<SettingsPublisher<object>, 'publish'>;
  turns: Pick<ChangeTurns, 'take'>;
}

/** The stored endpoints: read, and written so that every process hears of it. What writes throws `rate_limit_exceeded` when a project does it too often. */
export class StoredEndpoints {
  constructor(private readonly deps: StoredEndpointsDeps) {}

  /** Those of a project, in order of their ids. */
  async of(project: string): Promise<SettingsDocument[]> {
    const after = documentId(project, '');
    const page = await this.deps.settings?.list(ENDPOINT_KIND, { after, limit: MOST_ENDPOINTS });
    return (page?.documents ?? []).filter(({ id }) => ownerOf(id).project === project);
  }

  /** Throws `webhook_endpoint_not_found`. */
  async read(project: string, endpoint: string): Promise<SettingsDocument> {
    const found = await this.deps.settings?.read(ENDPOINT_KIND, documentOf(project, endpoint));
    if (!found) throw endpointNotFound(endpoint);
    return found;
  }

  /** Throws `already_exists`, and `too_many_endpoints`. Its secret is made with it: it holds as soon as it is saved. */
  async insert(project: string, endpoint: string, definition: EndpointDefinition): Promise<SettingsDocument> {
    const change = { change: 'insert', kind: ENDPOINT_KIND, id: documentId(project, endpoint), definition } as const;
    const decide = (all: SettingsDocument[]): SettingsChange => {
      requireRoom(project, all);
      return change;
    };
    return required(await this.write(project, decide, { until: 'commit' }));
  }

  /**
   * Writes what `next` makes of it as it is at that moment: nobody's change is undone. What makes a secret holds as soon as it is saved
   * (`until: 'commit'`). Throws `webhook_endpoint_not_found`, and what `next` throws.
   */
  async update(
    { project, endpoint, until }: { project: string; endpoint: string } & PublishOptions,
    next: (current: EndpointDefinition) => EndpointDefinition,
  ): Promise<SettingsDocument> {
    const id = documentOf(project, endpoint);
    const decide = (all: SettingsDocument[]): SettingsChange => {
      const current = all.find((document) => document.id === id);
      if (!current) throw endpointNotFound(endpoint);
      const definition = next(current.definition as EndpointDefinition);
      return { change: 'update', kind: ENDPOINT_KIND, id, definition, version: null };
    };
    return required(await this.write(project, decide, { until }));
  }

  /** Throws `webhook_endpoint_not_found`. */
  async delete(project: string, endpoint: string): Promise<void> {
    const id = documentOf(project, endpoint);
    await this.write(project, () => ({ change: 'delete', kind: ENDPOINT_KIND, id, version: null }));
  }

  /** Throws `settings_not_kept` where there is no database. */
  requireKept(): SettingsStore {
    const { settings } = this.deps;
    if (settings !== null) return settings;
    throw new TokenhubError(
      'settings_not_kept',
      'Webhook endpoints are kept in a database: set TOKENHUB_DATABASE_URL.',
    );
  }

  /**
   * Makes the change that `decide` finds, when it is the project's turn. Once it is committed it is published; this process knows it when
   * this resolves. Throws `store_unavailable` when that has not worked in time: the change is made all the same. With `until: 'commit'`
   * it resolves then, too.
   */
  private async write(
    project: string,
    decide: (all: SettingsDocument[]) => SettingsChange,
    { until }: PublishOptions = {},
  ): Promise<SettingsDocument | null> {
    const settings = this.requireKept();
    return this.deps.turns.take(project, async () => {
      // A project's own, and no administrator's.
      const written = settings.change([ENDPOINT_KIND], (all) => [decide(all)], null);
      const { documents, revision } = await written.catch(refuse);
      await this.deps.publisher.publish(revision, { until });
      return documents[0] ?? null;
    });
  }
}

/** The answer for an endpoint that does not exist for this key. */
export function endpointNotFound(id: string): TokenhubError {
  const message = `There is no webhook endpoint ${JSON.stringify(id.slice(0, 64))}.`;
  return new TokenhubError('webhook_endpoint_not_found', message);
}

/** The id of its document. Throws `webhook_endpoint_not_found` for what is the id of none: the database refuses U+0000. */
function documentOf(project: string, endpoint: string): string {
  if (ID_PATTERN.test(endpoint)) return documentId(project, endpoint);
  throw endpointNotFound(endpoint);
}

function required(document: SettingsDocument | null): SettingsDocument {
  if (document === null) throw new Error('a change of a webhook endpoint gave nothing');
  return document;
}

function requireRoom(project: string, all: readonly SettingsDocument[]): void {
  if (all.filter(({ id }) => ownerOf(id).project === project).length < MOST_ENDPOINTS) return;
  throw new TokenhubError('too_many_endpoints', `A project has ${MOST_ENDPOINTS} webhook endpoints at most.`);
}

function refuse(error: unknown): never {
  if (!(error instanceof SettingsConflict)) throw error;
  const { endpoint } = ownerOf(error.subject.id);
  if (error.reason === 'missing') throw endpointNotFound(endpoint);
  throw new TokenhubError('already_exists', `There is a webhook endpoint "${endpoint}" already.`, { param: 'id' });
}
