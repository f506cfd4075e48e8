import { randomInt } from 'node:crypto';
import { TokenhubError } from '#contracts/error-catalogue.js';
import type { MadeEndpoint } from '#contracts/webhook.js';
import type { WebhookEndpointConfig, WebhookProject } from '#platform/config/config.js';
import type { OutboundPolicy } from '#platform/network/outbound-policy.js';
import type { SettingsDocument } from '#settings/settings-store.js';
import type { Cipher } from '#vault/cipher.js';
import { documentId, madeEndpoint, ownerOf, type EndpointDefinition } from '#webhooks/endpoint-definition.js';
import type { EndpointMarks } from '#webhooks/endpoint-marks.js';
import { overlapMsOf } from '../http/rotation.dto.js';
import type { EndpointFieldsDto, NewEndpointDto, SecretRotationDto } from './endpoint.dto.js';
import { iso, liveSecrets, rotated, sealedSecret, signingSecret } from './endpoint-secret.js';
import { declaredView, madeView, type EndpointView } from './endpoint-view.js';
import type { StoredEndpoints } from './stored-endpoints.js';

const ID_LETTERS = 'abcdefghijklmnopqrstuvwxyz0123456789';
const ID_LENGTH = 16;

/** Under this id are the deliveries to the URLs that jobs name themselves. */
export const JOB_ENDPOINT = 'job';

export interface EndpointDeskDeps {
  projects: readonly WebhookProject[];
  stored: StoredEndpoints;
  marks: EndpointMarks;
  policy: OutboundPolicy;
  cipher: Cipher;
  now: () => number;
  /** Hears of what failed behind an answer that had to be given all the same. */
  onError: (error: unknown) => void;
}

/** Where an endpoint is from, as those who send to it take it. */
export type KnownEndpoint =
  { from: 'declared'; endpoint: WebhookEndpointConfig } | { from: 'made'; endpoint: MadeEndpoint };

/**
 * The webhook endpoints of a project, as its keys handle them; those of another do not exist. Secrets are in the answers that make them, and
 * nowhere else.
 */
export class EndpointDesk {
  constructor(private readonly deps: EndpointDeskDeps) {}

  /** All, in order of their ids. What is declared hides what is stored under its id. */
  async list(project: string): Promise<EndpointView[]> {
    const declared = this.declaredOf(project);
    const hidden = new Set(declared.map(({ id }) => id));
    const stored = await this.deps.stored.of(project);
    const views = await Promise.all([
      ...declared.map((endpoint) => this.declaredView(project, endpoint)),
      ...stored.map((document) => this.view(document)),
    ]);
    return views.filter(({ id, declared: isDeclared }) => isDeclared || !hidden.has(id));
  }

  /** Throws `webhook_endpoint_not_found`. */
  async read(project: string, id: string): Promise<EndpointView> {
    const declared = this.declared(project, id);
    if (declared) return this.declaredView(project, declared);
    return this.view(await this.deps.stored.read(project, id));
  }

  /** As `read`, for those who send to it. */
  async find(project: string, id: string): Promise<KnownEndpoint> {
    const declared = this.declared(project, id);
    if (declared) return { from: 'declared', endpoint: declared };
    const { id: document, definition } = await this.deps.stored.read(project, id);
    return { from: 'made', endpoint: madeEndpoint(document, definition as EndpointDefinition) };
  }

  /** The new endpoint with its secret. Throws `already_exists`, `too_many_endpoints`, `vault_locked`. */
  async create(project: string, { id = newEndpointId(), ...body }: NewEndpointDto): Promise<EndpointView> {
    const { stored, cipher, now } = this.deps;
    this.requireMade(project, id);
    if (id === JOB_ENDPOINT) {
      const message = `id must not be "${JOB_ENDPOINT}": under it are the deliveries to the URLs that jobs name.`;
      throw new TokenhubError('invalid_value', message, { param: 'id' });
    }
    this.checkUrl(body.url);
    stored.requireKept();
    const nowMs = now();
    const secret = signingSecret(body.secret);
    const definition: EndpointDefinition = {
      url: body.url,
      events: body.events ?? ['job.*'],
      description: body.description ?? null,
      disabled: body.enabled === false ? requested(nowMs) : null,
      armed_at: iso(nowMs),
      secrets: [sealedSecret(secret, { documentId: documentId(project, id), n: 1, nowMs, cipher })],
    };
    const document = await stored.insert(project, id, definition);
    // One of the same id may have been there before; it counts no more anyhow, as the new one is armed later.
    await this.deps.marks.clear({ project, endpoint: id }).catch(this.deps.onError);
    return { ...(await this.viewOrWithoutMark(document)), secret };
  }

  /** What is given takes the place of what was. `enabled: true` also ends a disabling by Tokenhub, and counts its failures anew. */
  async patch(project: string, id: string, body: EndpointFieldsDto): Promise<EndpointView> {
    const { stored, marks, now } = this.deps;
    this.requireMade(project, id);
    if (body.url !== undefined) this.checkUrl(body.url);
    const document = await stored.update({ project, endpoint: id }, (current) => changed(current, body, now()));
    if (body.enabled === true || body.url !== undefined) await marks.clear({ project, endpoint: id });
    return this.view(document);
  }

  /** A new secret beside those before it, which go on signing until the overlap ends; with the endpoint as it is now. */
  async rotate(project: string, id: string, body: SecretRotationDto): Promise<EndpointView> {
    const { stored, cipher, now } = this.deps;
    this.requireMade(project, id);
    const secret = signingSecret(body.secret);
    const overlapMs = overlapMsOf(body);
    const document = await stored.update({ project, endpoint: id, until: 'commit' }, (current) => {
      const nowMs = now();
      const n = 1 + Math.max(0, ...current.secrets.map((one) => one.n));
      const next = sealedSecret(secret, { documentId: documentId(project, id), n, nowMs, cipher });
      return { ...current, secrets: rotated(liveSecrets(current.secrets, nowMs), next, { nowMs, overlapMs }) };
    });
    return { ...(await this.viewOrWithoutMark(document)), secret };
  }

  /** What is on its way to it is given up. */
  async delete(project: string, id: string): Promise<void> {
    this.requireMade(project, id);
    await this.deps.stored.delete(project, id);
    await this.deps.marks.clear({ project, endpoint: id });
  }

  /** For an answer that shows a secret: nothing may keep it back, and no other shows it. */
  private async viewOrWithoutMark(document: SettingsDocument): Promise<EndpointView> {
    return this.view(document).catch((error: unknown) => {
      this.deps.onError(error);
      return madeView(document, { mark: null, nowMs: this.deps.now() });
    });
  }

  private async view(document: SettingsDocument): Promise<EndpointView> {
    const { url, armed_at: armedAt } = document.definition as EndpointDefinition;
    const name = ownerOf(document.id);
    const mark = await this.deps.marks.find(name, { url, sinceMs: Date.parse(armedAt) });
    return madeView(document, { mark, nowMs: this.deps.now() });
  }

  private async declaredView(project: string, endpoint: WebhookEndpointConfig): Promise<EndpointView> {
    const { id, url } = endpoint;
    return declaredView(endpoint, await this.deps.marks.find({ project, endpoint: id }, { url }));
  }

  private declaredOf(project: string): readonly WebhookEndpointConfig[] {
    return this.deps.projects.find(({ id }) => id === project)?.webhookEndpoints ?? [];
  }

  private declared(project: string, id: string): WebhookEndpointConfig | undefined {
    return this.declaredOf(project).find((endpoint) => endpoint.id === id);
  }

  private requireMade(project: string, id: string): void {
    if (!this.declared(project, id)) return;
    const message = `The webhook endpoint "${id}" is declared in the configuration, and is changed there.`;
    throw new TokenhubError('declared', message);
  }

  private checkUrl(url: string): void {
    const fault = this.deps.policy.urlFault(url);
    if (fault !== null) throw new TokenhubError('invalid_value', `url ${fault}.`, { param: 'url' });
  }
}

function changed(current: EndpointDefinition, body: EndpointFieldsDto, nowMs: number): EndpointDefinition {
  const { url = current.url, events = current.events, description = current.description, enabled } = body;
  const disabled = enabled === undefined ? current.disabled : enabled ? null : (current.disabled ?? requested(nowMs));
  const armedAt = url !== current.url || enabled === true ? iso(nowMs) : current.armed_at;
  return { ...current, url, events, description, disabled, armed_at: armedAt };
}

function requested(nowMs: number): NonNullable<EndpointDefinition['disabled']> {
  return { reason: 'requested', since: iso(nowMs), last_error: null };
}

function newEndpointId(): string {
  const letters = Array.from({ length: ID_LENGTH }, () => ID_LETTERS.charAt(randomInt(ID_LETTERS.length)));
  return `we_${letters.join('')}`;
}
