import { pino } from 'pino';
import type { HookTarget } from '#contracts/webhook.js';
import type { Delivery, MadeEndpoint } from '#contracts/webhook.js';
import { AddressGuard } from '#http/address-guard.js';
import { HttpClient } from '#http/http-client.js';
import type { NewJob } from '#jobs/job-record.js';
import type { JobStore } from '#jobs/job-store.js';
import type { WebhookProject } from '#platform/config/config.js';
import { OutboundPolicy } from '#platform/network/outbound-policy.js';
import type { SecretEscrow } from '#registry/credentials.js';
import type { SettingsStore } from '#settings/settings-store.js';
import { FixedCipher } from '#testing/fixed-cipher.js';
import { DeliveryStore } from '#webhooks/delivery-store.js';
import { EndpointMarks } from '#webhooks/endpoint-marks.js';
import { LiveEndpoints } from '#webhooks/live-endpoints.js';
import { TargetDirectory } from '#webhooks/target-directory.js';
import { Deliver } from '../../../apps/worker/src/webhooks/deliver.js';
import { EndpointDisabler } from '../../../apps/worker/src/webhooks/endpoint-disabler.js';
import { WebhookRole } from '../../../apps/worker/src/webhooks/webhook-role.js';
import { newJob } from './new-job.js';
import type { RedisFixture } from './redis-fixture.js';

export const SECRET = `whsec_${Buffer.alloc(32, 3).toString('base64')}`;
export const HOOK: HookTarget = { endpoint: 'hook', url: null, events: ['job.*'] };
export const DISABLE_MS = 5 * 86_400_000;

const silent = pino({ level: 'silent' });

export interface RigOptions {
  projects?: WebhookProject[];
  /** What was made over the API, as it is known everywhere; absent: published snapshots are followed. */
  made?: MadeEndpoint[];
  allow?: string[];
  env?: Record<string, string>;
  recorded?: boolean;
  settings?: SettingsStore | null;
  publish?: () => Promise<void>;
  isLocked?: () => boolean;
  /** Where secrets of source `escrow` are. */
  escrow?: SecretEscrow;
  /** Where jobs are read; absent: Redis. */
  jobs?: Pick<JobStore, 'readUpTo'>;
}

/** What a worker has for webhooks, over the Redis of a spec. */
export class WebhookRig {
  readonly deliveries: DeliveryStore;
  readonly marks: EndpointMarks;
  readonly made: LiveEndpoints;
  readonly disabler: EndpointDisabler;
  readonly cipher: FixedCipher;

  constructor(
    private readonly fixture: RedisFixture,
    private readonly options: RigOptions = {},
  ) {
    const { redis, onError } = fixture;
    const { settings = null, publish = () => Promise.resolve(), recorded = false } = options;
    this.deliveries = new DeliveryStore(redis, { recorded });
    this.marks = new EndpointMarks(redis);
    this.made = new LiveEndpoints({ redis, subscriber: fixture.connect(), onError });
    this.made.accept({ endpoints: options.made ?? [] });
    this.cipher = new FixedCipher(options.isLocked);
    this.disabler = new EndpointDisabler({
      ...{ marks: this.marks, settings, publisher: { repair: publish }, failingMs: DISABLE_MS, logger: silent },
    });
  }

  /** One try at a time, without the queue. */
  deliver(): Deliver {
    const http = this.http();
    this.fixture.after(() => http.close());
    const { projects = [], env = { S: SECRET }, escrow } = this.options;
    const targets = new TargetDirectory({
      ...{ config: { projects }, stores: { env, configSecrets: new Map(), escrow } },
      ...{ made: this.made, cipher: this.cipher },
    });
    const { deliveries, marks, disabler } = this;
    const jobs = this.options.jobs ?? this.fixture.store;
    return new Deliver({ deliveries, marks, targets, disabler, jobs, http, logger: silent, random: () => 0.5 });
  }

  /** A worker's whole part in webhooks, in this process; gone with the test. */
  async startRole(processId: string): Promise<{ stop: () => Promise<void> }> {
    const { redis, store } = this.fixture;
    const { projects = [], env = { S: SECRET }, recorded = false } = this.options;
    const { made, marks, disabler, cipher } = this;
    const role = new WebhookRole({
      ...{ redis, blocking: redis.duplicate(), processId, http: this.http(), projects, recorded },
      ...{ secrets: { env, configSecrets: new Map() }, made, marks, disabler, cipher },
      ...{ jobs: store, random: () => 0.5, logger: silent },
    });
    await role.onApplicationBootstrap();
    let stopped: Promise<void> | undefined;
    const stop = (): Promise<void> => (stopped ??= role.onModuleDestroy());
    this.fixture.after(stop);
    return { stop };
  }

  /** A job that has ended, with an entry in the outbox. */
  async endedJob(hooks: HookTarget[] = [HOOK]): Promise<NewJob> {
    const job = newJob({ hooks });
    await this.fixture.store.create(job);
    await this.fixture.store.cancel(job.id);
    return job;
  }

  /** A delivery that was noted, and is due. */
  async accepted({ endpoint, url }: HookTarget = HOOK, at = Date.now()): Promise<Delivery> {
    const { id: jobId } = await this.endedJob();
    const entry = { jobId, project: 'default', state: 'cancelled', at, endpoint, url } as const;
    const [due] = await this.deliveries.accept([entry]);
    return this.known(due?.deliveryId ?? '');
  }

  async known(id: string): Promise<Delivery> {
    const delivery = await this.deliveries.read(id);
    if (delivery === null) throw new Error(`there is no delivery ${id}`);
    return delivery;
  }

  private http(): HttpClient {
    const { allow = ['127.0.0.1'] } = this.options;
    return new HttpClient({ guard: new AddressGuard(new OutboundPolicy(allow)) });
  }
}
