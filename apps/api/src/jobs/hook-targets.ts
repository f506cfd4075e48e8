import { TokenhubError } from '#contracts/error-catalogue.js';
import type { HookTarget, WebhookFilter } from '#contracts/webhook.js';
import type { WebhookProject } from '#platform/config/config.js';
import { OutboundPolicy } from '#platform/network/outbound-policy.js';
import type { LiveEndpoints } from '#webhooks/live-endpoints.js';

/** What a job says of its own webhook. */
export interface OwnWebhook {
  url: string;
  events: readonly WebhookFilter[];
}

/** Who is told of a job's end: its project's endpoints, and the URL that it names itself. */
export class HookTargets {
  private readonly endpoints: ReadonlyMap<string, readonly HookTarget[]>;
  /** Projects whose jobs may name a URL of their own. */
  private readonly signers: ReadonlySet<string>;
  private readonly policy: OutboundPolicy;

  constructor(
    config: { projects: readonly WebhookProject[]; webhookAllow: readonly string[] },
    private readonly made: Pick<LiveEndpoints, 'of'>,
  ) {
    this.policy = new OutboundPolicy(config.webhookAllow);
    this.endpoints = new Map(
      config.projects.map(({ id, webhookEndpoints }) => [
        id,
        webhookEndpoints.map((endpoint): HookTarget => ({ endpoint: endpoint.id, url: null, events: endpoint.events })),
      ]),
    );
    this.signers = new Set(config.projects.filter(({ webhookSecret }) => webhookSecret).map(({ id }) => id));
  }

  /** The targets of a new job. Throws for a URL that must not be called, and when the project has no secret to sign with. */
  of(project: string, own: OwnWebhook | null): readonly HookTarget[] {
    const endpoints = this.endpointsOf(project);
    if (own === null) return endpoints;
    const fault = this.policy.urlFault(own.url);
    if (fault !== null) throw new TokenhubError('invalid_value', `webhook.url ${fault}.`, { param: 'webhook.url' });
    if (!this.signers.has(project)) {
      throw new TokenhubError(
        'webhook_secret_missing',
        `Project ${project} has no webhook_secret, and a webhook is never sent unsigned.`,
        { param: 'webhook' },
      );
    }
    return [...endpoints, { endpoint: null, url: own.url, events: own.events }];
  }

  /** What is declared hides what was made under its id. */
  private endpointsOf(project: string): readonly HookTarget[] {
    const declared = this.endpoints.get(project) ?? [];
    const made = this.made.of(project).filter(({ enabled }) => enabled);
    if (made.length === 0) return declared;
    const hidden = new Set(declared.map(({ endpoint }) => endpoint));
    const shown = made.filter(({ id }) => !hidden.has(id));
    return [...declared, ...shown.map(({ id, events }): HookTarget => ({ endpoint: id, url: null, events }))];
  }
}
