import type { MadeEndpoint } from '#contracts/webhook.js';
import type { Logger } from '#platform/logging.js';
import type { SettingsPublisher } from '#settings/settings-publisher.js';
import type { SettingsChange, SettingsDocument, SettingsStore } from '#settings/settings-store.js';
import type { Failing } from '#webhooks/delivery-store.js';
import { documentId, ENDPOINT_KIND, type EndpointDefinition } from '#webhooks/endpoint-definition.js';
import type { EndpointMarks, EndpointName, Mark } from '#webhooks/endpoint-marks.js';

/** So few failures say nothing, however long ago the first was. */
export const FEWEST_FAILURES = 20;

export interface EndpointDisablerDeps {
  marks: EndpointMarks;
  /** Null where no database is configured: then there are no made endpoints. */
  settings: SettingsStore | null;
  publisher: Pick<SettingsPublisher<object>, 'repair'>;
  /** How long an endpoint may fail without a success. */
  failingMs: number;
  logger: Logger;
  now?: () => number;
}

/**
 * Ends what goes to an endpoint: at once for every worker by a mark, and for a made one also in what is stored, where its owner sees the
 * reason. While the database is away the mark alone holds; the next delivery to it stores what is missing.
 */
export class EndpointDisabler {
  /** What is being stored at this moment: of a hundred deliveries to the same endpoint one waits for the database. */
  private readonly underWay = new Set<string>();

  constructor(private readonly deps: EndpointDisablerDeps) {}

  async disable(
    name: EndpointName,
    { url, made, reason, lastError }: { url: string; made: MadeEndpoint | null } & Omit<Mark, 'at'>,
  ): Promise<void> {
    const { marks, logger, now = Date.now } = this.deps;
    const mark: Mark = { reason, at: now(), lastError };
    await marks.set(name, { ...mark, url });
    logger.warn({ ...name, reason, lastError }, 'a webhook endpoint is disabled');
    if (made) await this.store(made, mark);
  }

  /** Disables a made endpoint that has failed for too long, and often enough. */
  async disableFailing(
    made: MadeEndpoint,
    { sinceMs, tries, lastError }: Failing & { lastError: string },
  ): Promise<void> {
    const { failingMs, now = Date.now } = this.deps;
    if (tries < FEWEST_FAILURES || now() - Math.max(sinceMs, made.armedAtMs) < failingMs) return;
    const name = { project: made.project, endpoint: made.id };
    await this.disable(name, { url: made.url, made, reason: 'failing', lastError });
  }

  /** Writes a mark into what is stored, unless the endpoint has another URL by now, or was enabled since, or that is under way. Never rejects. */
  async store(made: MadeEndpoint, { reason, at, lastError }: Mark): Promise<void> {
    const { settings, publisher, logger } = this.deps;
    const id = documentId(made.project, made.id);
    if (this.underWay.has(id)) return;
    this.underWay.add(id);
    const disabled = { reason, since: new Date(at).toISOString(), last_error: lastError };
    try {
      const decide = (all: SettingsDocument[]): SettingsChange[] => {
        const definition = all.find((one) => one.id === id)?.definition as EndpointDefinition | undefined;
        if (definition?.disabled !== null || definition.url !== made.url) return [];
        if (Date.parse(definition.armed_at) > at) return [];
        return [{ change: 'update', kind: ENDPOINT_KIND, id, definition: { ...definition, disabled }, version: null }];
      };
      const written = await settings?.change([ENDPOINT_KIND], decide, null);
      if (written?.documents.length) await publisher.repair();
    } catch (error) {
      logger.warn({ err: error, project: made.project, endpoint: made.id }, 'that it is disabled could not be stored');
    } finally {
      this.underWay.delete(id);
    }
  }
}
