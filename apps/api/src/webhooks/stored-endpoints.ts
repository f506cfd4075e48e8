import { TokenhubError } from '#contracts/error-catalogue.js';
import { ID_PATTERN } from '#contracts/own-ids.js';
import type { PublishOptions, SettingsPublisher } from '#settings/settings-publisher.js';
import {
  SettingsConflict,
  type SettingsChange,
  type SettingsDocument,
  type SettingsStore,
} from '#settings/settings-store.js';
import { documentId, ENDPOINT_KIND, ownerOf, type EndpointDefinition } from '#webhooks/endpoint-definition.js';

/** How many a project may have, beside those that are declared. */
export const MOST_ENDPOINTS = 20;

export interface StoredEndpointsDeps {
  /** Null where no database is configured. */
  settings: SettingsStore | null;
  publisher: Pick<SettingsPublisher<object>, 'publish'>;
}

interface WriteOptions extends PublishOptions {
  check?: (all: SettingsDocument[]) => void;
}

/** The stored endpoints: read, and written so that every process hears of it. */
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
    const found = ID_PATTERN.test(endpoint)
      ? await this.deps.settings?.read(ENDPOINT_KIND, documentId(project, endpoint))
      : null;
    if (!found) throw endpointNotFound(endpoint);
    return found;
  }

  /** Throws `already_exists`, and `too_many_endpoints`. Its secret is made with it: it holds as soon as it is saved. */
  async insert(project: string, endpoint: string, definition: EndpointDefinition): Promise<SettingsDocument> {
    const change = { change: 'insert', kind: ENDPOINT_KIND, id: documentId(project, endpoint), definition } as const;
    const check = (all: SettingsDocument[]): void => requireRoom(project, all);
    return required(await this.write(change, { check, until: 'commit' }));
  }

  /**
   * Writes what `next` makes of it as it is; whoever changes it meanwhile is not undone: it is read again. What makes a secret holds as soon as it
   * is saved (`until: 'commit'`).
   */
  async update(
    { project, endpoint, until }: { project: string; endpoint: string } & Pick<WriteOptions, 'until'>,
    next: (current: EndpointDefinition) => EndpointDefinition,
  ): Promise<SettingsDocument> {
    for (;;) {
      const { id, definition, version } = await this.read(project, endpoint);
      const changed = next(definition as EndpointDefinition);
      try {
        const change = { change: 'update', kind: ENDPOINT_KIND, id, definition: changed, version } as const;
        return required(await this.write(change, { until }));
      } catch (error) {
        if (!(error instanceof SettingsConflict && error.reason === 'stale')) throw error;
      }
    }
  }

  /** Throws `webhook_endpoint_not_found`. */
  async delete(project: string, endpoint: string): Promise<void> {
    if (!ID_PATTERN.test(endpoint)) throw endpointNotFound(endpoint);
    await this.write({ change: 'delete', kind: ENDPOINT_KIND, id: documentId(project, endpoint), version: null });
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
   * Once it is committed it is published; this process knows it when this resolves. Throws `store_unavailable` when that has not worked in
   * time: the change is made all the same. With `until: 'commit'` it resolves then, too.
   */
  private async write(
    change: SettingsChange,
    { check = () => undefined, until }: WriteOptions = {},
  ): Promise<SettingsDocument | null> {
    const kinds = change.change === 'insert' ? [ENDPOINT_KIND] : [];
    const decide = (all: SettingsDocument[]): SettingsChange[] => {
      check(all);
      return [change];
    };
    // A project's own, and no administrator's.
    const written = this.requireKept().change(kinds, decide, null);
    const { documents, revision } = await written.catch(refuse);
    await this.deps.publisher.publish(revision, { until });
    return documents[0] ?? null;
  }
}

/** The answer for an endpoint that does not exist for this key. */
export function endpointNotFound(id: string): TokenhubError {
  const message = `There is no webhook endpoint ${JSON.stringify(id.slice(0, 64))}.`;
  return new TokenhubError('webhook_endpoint_not_found', message);
}

function required(document: SettingsDocument | null): SettingsDocument {
  if (document === null) throw new Error('a change of a webhook endpoint gave nothing');
  return document;
}

function requireRoom(project: string, all: readonly SettingsDocument[]): void {
  if (all.filter(({ id }) => ownerOf(id).project === project).length < MOST_ENDPOINTS) return;
  throw new TokenhubError('too_many_endpoints', `A project has ${MOST_ENDPOINTS} webhook endpoints at most.`);
}

/** What is stale is for the caller, who reads it again. */
function refuse(error: unknown): never {
  if (!(error instanceof SettingsConflict) || error.reason === 'stale') throw error;
  const { endpoint } = ownerOf(error.subject.id);
  if (error.reason === 'missing') throw endpointNotFound(endpoint);
  throw new TokenhubError('already_exists', `There is a webhook endpoint "${endpoint}" already.`, { param: 'id' });
}
