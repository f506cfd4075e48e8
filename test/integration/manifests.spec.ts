import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { parse, parseAllDocuments } from 'yaml';
import { loadConfig } from '#platform/config/load-config.js';
import { repositoryRoot } from '#testing/repository-root.js';
import { MANIFEST_SCHEMAS } from './support/manifest-schemas.js';

/*
 * What is shipped beside the images: the compose file, Redis' settings, the Kubernetes manifests. Read as they are, with the names
 * that kustomize gives by reference; nothing is deployed.
 */

const root = repositoryRoot();
const read = (path: string): string => readFileSync(join(root, path), 'utf8');
const targets = [...read('docker/Dockerfile').matchAll(/^FROM \S+ AS (\S+)$/gm)].map(([, name]) => name);

/** `name value` lines without comments. */
function redisSettings(path: string): Record<string, string> {
  const lines = read(path)
    .split('\n')
    .filter((line) => /^[a-z]/.test(line));
  return Object.fromEntries(lines.map((line) => [line.slice(0, line.indexOf(' ')), line.slice(line.indexOf(' ') + 1)]));
}

describe('redis.conf', () => {
  it('keeps every acknowledged write and evicts nothing', () => {
    expect(redisSettings('docker/redis.conf')).toEqual({
      appendonly: 'yes',
      appendfsync: 'always',
      'no-appendfsync-on-rewrite': 'no',
      save: '""',
      'stream-node-max-bytes': '512',
      'maxmemory-policy': 'noeviction',
    });
  });

  it('is the same under k8s/', () => {
    expect(read('k8s/base/redis.conf')).toBe(read('docker/redis.conf'));
  });
});

interface ComposeService {
  image: string;
  build?: { context: string; dockerfile: string; target: string };
  command?: string[];
  environment?: Record<string, string>;
  ports?: string[];
  volumes?: string[];
  networks: string[];
  depends_on?: Record<string, { condition: string }>;
  restart: string;
  stop_grace_period: string;
  healthcheck?: { test: string[] };
  read_only?: boolean;
  cap_drop?: string[];
}

describe('compose.yaml', () => {
  const compose = parse(read('docker/compose.yaml'), { merge: true }) as {
    services: Record<string, ComposeService>;
    volumes: Record<string, object>;
    networks: Record<string, object>;
  };
  const service = (name: string): ComposeService => compose.services[name] ?? fail(`there is no service ${name}`);

  it.each(['TOKENHUB_ADMIN_TOKEN', 'TOKENHUB_API_KEY'])('refuses to start without %s', (variable) => {
    for (const name of ['api', 'worker']) {
      expect(service(name).environment?.[variable]).toMatch(new RegExp(`^\\$\\{${variable}:\\?[^}]+\\}$`));
    }
  });

  it('publishes the API alone, on the loopback unless told otherwise, and never switches authentication off', () => {
    const published = Object.entries(compose.services).filter(([, { ports }]) => ports !== undefined);
    expect(published.map(([name, { ports }]) => [name, ports])).toEqual([
      ['api', ['${TOKENHUB_BIND:-127.0.0.1}:${TOKENHUB_PORT:-8080}:8080']],
    ]);
    expect(read('docker/compose.yaml')).not.toContain('TOKENHUB_AUTH');
  });

  it('runs Redis with redis.conf, on a volume, in a network without a way out', () => {
    const redis = service('redis');
    const conf = redis.command?.[1] ?? '';
    expect(redis.command?.[0]).toBe('redis-server');
    expect(redis.volumes).toEqual([`./redis.conf:${conf}:ro`, 'redis-data:/data']);
    expect(compose.volumes).toHaveProperty('redis-data');
    expect(redis.networks.map((name) => compose.networks[name])).toEqual([{ internal: true }]);
    expect(redis.image).toMatch(/^redis:7/);
    expect(redis.healthcheck?.test[1]).toContain('redis-cli ping');
  });

  it('runs PostgreSQL on a volume, in a network without a way out, and has API and worker use it unless told otherwise', () => {
    const { image, volumes, networks, environment = {} } = service('postgres');
    expect(image).toMatch(/^postgres:15/);
    expect(volumes).toEqual(['postgres-data:/var/lib/postgresql/data']);
    expect(compose.volumes).toHaveProperty('postgres-data');
    expect(networks.map((name) => compose.networks[name])).toEqual([{ internal: true }]);
    const url = `postgres://${environment.POSTGRES_USER}@postgres:5432/${environment.POSTGRES_DB}`;
    for (const name of ['api', 'worker']) {
      expect(service(name).environment?.TOKENHUB_DATABASE_URL).toBe(`\${TOKENHUB_DATABASE_URL:-${url}}`);
    }
  });

  it.each(['api', 'worker'])('builds %s from its target and waits for stores that answer', (name) => {
    const { image, build, depends_on, read_only, cap_drop } = service(name);
    expect(image).toMatch(new RegExp(`^tokenhub/${name}:`));
    expect(build).toEqual({ context: '..', dockerfile: 'docker/Dockerfile', target: name });
    expect(targets).toContain(name);
    const healthy = { condition: 'service_healthy' };
    expect(depends_on).toEqual({ redis: healthy, postgres: healthy });
    expect({ read_only, cap_drop }).toEqual({ read_only: true, cap_drop: ['ALL'] });
    expect(service(name).environment).toHaveProperty('OPENAI_API_KEY');
  });

  it('restarts every service, and gives each longer to end than the processes take', () => {
    for (const { restart, stop_grace_period } of Object.values(compose.services)) {
      expect({ restart, stop_grace_period }).toEqual({ restart: 'unless-stopped', stop_grace_period: '30s' });
    }
  });
});

interface Container {
  name: string;
  image: string;
  args?: string[];
  env?: {
    name: string;
    value?: string;
    valueFrom?: { secretKeyRef: { name: string; key: string; optional?: boolean } };
  }[];
  envFrom?: { configMapRef?: { name: string }; secretRef?: { name: string } }[];
  ports: { name: string; containerPort: number }[];
  securityContext: object;
  volumeMounts: { name: string; mountPath: string }[];
  resources: { requests: Record<string, string>; limits: Record<string, string> };
  lifecycle?: { preStop: { exec: { command: string[] } } };
  [probe: `${string}Probe`]: { httpGet?: { path: string; port: string }; tcpSocket?: { port: string }; exec?: object };
}

interface PodSpec {
  containers: [Container];
  volumes: { name: string; configMap?: { name: string }; emptyDir?: object }[];
  securityContext: { runAsUser: number };
  terminationGracePeriodSeconds: number;
  enableServiceLinks: boolean;
  automountServiceAccountToken: boolean;
}

interface Manifest {
  apiVersion: string;
  kind: string;
  metadata: { name: string; namespace?: string };
  spec: {
    selector: Record<string, unknown>;
    template: { metadata: { labels: Record<string, string> }; spec: PodSpec };
    ports: { targetPort: string }[];
    podSelector: { matchLabels: Record<string, string> };
    volumeClaimTemplates?: { metadata: { name: string }; spec: { resources: { requests: { storage: string } } } }[];
    serviceName: string;
  };
}

describe('k8s/base', () => {
  const kustomization = parse(read('k8s/base/kustomization.yaml')) as {
    resources: string[];
    images: { name: string }[];
    configMapGenerator: { name: string; files?: string[]; literals?: string[] }[];
  };
  const manifests = kustomization.resources.flatMap((file) =>
    parseAllDocuments(read(`k8s/base/${file}`), { uniqueKeys: true }).map((document) => {
      expect(document.errors).toEqual([]);
      return document.toJS() as Manifest;
    }),
  );
  const ofKind = (...kinds: string[]): Manifest[] => manifests.filter(({ kind }) => kinds.includes(kind));
  const workloads = ofKind('Deployment', 'StatefulSet').map((manifest) => ({
    manifest,
    name: manifest.metadata.name,
    pod: manifest.spec.template.spec,
    labels: manifest.spec.template.metadata.labels,
  }));
  const apps = workloads.filter(({ manifest }) => manifest.kind === 'Deployment');
  const generated = (name: string): { files?: string[]; literals?: string[] } =>
    kustomization.configMapGenerator.find((map) => map.name === name) ?? fail(`there is no config map ${name}`);

  it('has API, worker and Redis, without a namespace and without a secret', () => {
    expect(workloads.map(({ name }) => name).toSorted()).toEqual(['tokenhub-api', 'tokenhub-redis', 'tokenhub-worker']);
    expect(manifests.filter(({ metadata }) => metadata.namespace !== undefined)).toEqual([]);
    expect(ofKind('Secret')).toEqual([]);
  });

  it('names each thing once per kind', () => {
    const names = manifests.map(({ kind, metadata }) => `${kind} ${metadata.name}`);
    expect(new Set(names).size).toBe(names.length);
  });

  it.each(manifests)('$kind $metadata.name has no field that its API does not know', (manifest) => {
    const validate = new Ajv2020({ strictTypes: false }).compile(MANIFEST_SCHEMAS[manifest.kind] ?? { not: {} });
    validate(manifest);
    expect(validate.errors).toBeNull();
  });

  it('generates its config maps from files that are there, and a configuration that a process accepts', () => {
    const files = kustomization.configMapGenerator.flatMap((map) => map.files ?? []);
    expect(files.filter((file) => !existsSync(join(root, 'k8s/base', file)))).toEqual([]);
    const literals = Object.fromEntries(
      (generated('tokenhub-environment').literals ?? []).map((line) => [
        line.slice(0, line.indexOf('=')),
        line.slice(line.indexOf('=') + 1),
      ]),
    );
    for (const { name, pod } of apps) {
      const own = pod.containers[0].env?.map((one) => [one.name, one.value ?? `th_${'k'.repeat(20)}`]) ?? [];
      const env = { ...literals, ...(Object.fromEntries(own) as Record<string, string>), OPENAI_API_KEY: 'sk-none' };
      const { config, warnings } = loadConfig({
        env: { ...env, TOKENHUB_CONFIG: 'k8s/base/tokenhub.yaml' },
        cwd: root,
        now: new Date(),
      });
      expect({ name, auth: config.auth, warnings }).toEqual({ name, auth: 'on', warnings: [] });
      const listens = name === 'tokenhub-api' ? config.server : config.worker;
      expect({ name, host: listens.host, port: listens.port }).toEqual({
        name,
        host: '0.0.0.0',
        port: pod.containers[0].ports[0]?.containerPort,
      });
      expect(config.providers.length).toBeGreaterThan(0);
    }
  });

  it.each(workloads)(
    '$name refers only to config maps, volumes and secrets that exist or are documented',
    ({ pod }) => {
      const [container] = pod.containers;
      const maps = [
        ...pod.volumes.flatMap(({ configMap }) => configMap?.name ?? []),
        ...(container.envFrom ?? []).flatMap(({ configMapRef }) => configMapRef?.name ?? []),
      ];
      for (const name of maps) generated(name);
      const claims = workloads.flatMap(({ manifest }) => manifest.spec.volumeClaimTemplates ?? []);
      const volumes = [...pod.volumes.map(({ name }) => name), ...claims.map(({ metadata }) => metadata.name)];
      for (const { name } of container.volumeMounts) expect(volumes).toContain(name);
      const guide = read('docs/deploy.md');
      for (const { secretRef } of container.envFrom ?? []) if (secretRef) expect(guide).toContain(secretRef.name);
      for (const { valueFrom } of container.env ?? []) {
        if (!valueFrom) continue;
        expect(guide).toContain(valueFrom.secretKeyRef.name);
        expect(guide).toContain(`--from-literal=${valueFrom.secretKeyRef.key}=`);
        expect(valueFrom.secretKeyRef.optional).toBeUndefined();
      }
    },
  );

  it.each(apps)('$name does not start without an administrator’s token and a consumer’s key', ({ pod }) => {
    const required = pod.containers[0].env?.flatMap(({ name, valueFrom }) => (valueFrom ? name : []));
    expect(required).toEqual(['TOKENHUB_ADMIN_TOKEN', 'TOKENHUB_API_KEY']);
  });

  it.each(workloads)('$name runs without root, capabilities, a writable image or a service account', ({ pod }) => {
    expect(pod.securityContext).toMatchObject({ runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } });
    expect(pod.securityContext.runAsUser).toBeGreaterThan(0);
    expect(pod.containers[0].securityContext).toEqual({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    });
    expect(pod).toMatchObject({ automountServiceAccountToken: false, enableServiceLinks: false });
    expect(pod.containers[0].resources).toMatchObject({
      requests: { cpu: expect.any(String), memory: expect.any(String) },
      limits: { memory: expect.any(String) },
    });
    expect(pod.containers[0].volumeMounts.map(({ mountPath }) => mountPath)).toContain('/data');
  });

  it.each(apps)(
    '$name is asked for /health and /ready on its own port, and may drain for as long as it does',
    ({ pod }) => {
      const [container] = pod.containers;
      const port = container.ports[0]?.name;
      expect(container.livenessProbe?.httpGet).toEqual({ path: '/health', port });
      expect(container.startupProbe?.httpGet).toEqual({ path: '/health', port });
      expect(container.readinessProbe?.httpGet).toEqual({ path: '/ready', port });
      const shutdownMs = /SHUTDOWN_MS = ([\d_]+)/.exec(read('libs/platform/src/start-process.ts'))?.[1] ?? '';
      const preStop = Number(container.lifecycle?.preStop.exec.command[1] ?? 0);
      const needed = preStop + Number(shutdownMs.replaceAll('_', '')) / 1_000;
      expect(needed).toBeGreaterThan(10);
      expect(pod.terminationGracePeriodSeconds).toBeGreaterThan(needed);
    },
  );

  it.each(apps)('$name uses the image of its target, whose tag an overlay sets, and has a disruption budget', (app) => {
    const image = app.pod.containers[0].image;
    expect(image).toBe(`tokenhub/${app.pod.containers[0].name}`);
    expect(targets).toContain(app.pod.containers[0].name);
    expect(kustomization.images.map(({ name }) => name)).toContain(image);
    expect(read('docker/compose.yaml')).toContain(`image: ${image}:`);
    const budget = ofKind('PodDisruptionBudget').find(({ metadata }) => metadata.name === app.name);
    expect(budget?.spec).toEqual({ minAvailable: 1, selector: { matchLabels: app.labels } });
  });

  it('selects with every service, policy and workload the pods that it is named after', () => {
    for (const { manifest, labels } of workloads) expect(manifest.spec.selector).toEqual({ matchLabels: labels });
    for (const { kind, metadata, spec } of ofKind('Service', 'NetworkPolicy')) {
      const workload = workloads.find(({ name }) => name === metadata.name) ?? fail(`${kind} ${metadata.name}`);
      expect(kind === 'Service' ? spec.selector : spec.podSelector.matchLabels).toEqual(workload.labels);
      const ports = workload.pod.containers[0].ports.map(({ name }) => name);
      if (kind === 'Service') expect(ports).toEqual(spec.ports.map(({ targetPort }) => targetPort));
    }
  });

  it('runs Redis with redis.conf on a disk that outlives it', () => {
    const redis = workloads.find(({ name }) => name === 'tokenhub-redis') ?? fail('there is no Redis');
    expect(redis.manifest.kind).toBe('StatefulSet');
    expect(redis.manifest.spec.volumeClaimTemplates).toHaveLength(1);
    expect(redis.manifest.spec.serviceName).toBe('tokenhub-redis');
    const [container] = redis.pod.containers;
    expect(container.args?.slice(0, 4)).toEqual(['redis-server', '/config/redis.conf', '--dir', '/data']);
    expect(generated('tokenhub-redis').files).toEqual(['redis.conf']);
    expect(read('docker/compose.yaml')).toContain(`image: ${container.image}`);
  });
});

function fail(message: string): never {
  throw new Error(message);
}
