/*
 * JSON Schemas of the Kubernetes objects that k8s/ uses (API 1.25 and later), cut down to the fields that it uses: whatever else
 * appears is refused, so that a misspelt or misplaced field is found without a cluster. A new field is added here, by its reference
 * (https://kubernetes.io/docs/reference/kubernetes-api/).
 */

type Schema = Readonly<Record<string, unknown>>;

const text: Schema = { type: 'string', minLength: 1 };
const count: Schema = { type: 'integer', minimum: 0 };
const port: Schema = { type: 'integer', minimum: 1, maximum: 65_535 };
const flag: Schema = { type: 'boolean' };
const name: Schema = { type: 'string', pattern: '^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$' };
const portName: Schema = { type: 'string', pattern: '^[a-z0-9-]{1,15}$' };
const cpu: Schema = { type: 'string', pattern: '^[0-9]+m?$' };
const bytes: Schema = { type: 'string', pattern: '^[0-9]+(Ki|Mi|Gi|Ti)$' };
const labels: Schema = { type: 'object', minProperties: 1, additionalProperties: text };
const listOf = (items: Schema): Schema => ({ type: 'array', items });

/** No other field than these; a name with `?` at its end may be absent. */
function object(fields: Record<string, Schema>): Schema {
  const names = Object.keys(fields);
  return {
    type: 'object',
    additionalProperties: false,
    required: names.filter((one) => !one.endsWith('?')),
    properties: Object.fromEntries(names.map((one) => [one.replace(/\?$/, ''), fields[one]])),
  };
}

const oneOf = (...values: string[]): Schema => ({ enum: values });
const exec = object({ command: { ...listOf(text), minItems: 1 } });
const labelSelector = object({ matchLabels: labels });

const probe: Schema = {
  ...object({
    'exec?': exec,
    'httpGet?': object({ path: { type: 'string', pattern: '^/' }, port: portName }),
    'tcpSocket?': object({ port: portName }),
    'periodSeconds?': count,
    'timeoutSeconds?': count,
    'failureThreshold?': count,
  }),
  oneOf: ['exec', 'httpGet', 'tcpSocket'].map((kind) => ({ required: [kind] })),
};

const container = object({
  name,
  image: text,
  'args?': listOf(text),
  'envFrom?': listOf(object({ 'configMapRef?': object({ name }), 'secretRef?': object({ name, 'optional?': flag }) })),
  'env?': listOf(
    object({
      name: { type: 'string', pattern: '^[A-Z][A-Z0-9_]*$' },
      // A number or a boolean is refused by the API server.
      'value?': text,
      'valueFrom?': object({ secretKeyRef: object({ name, key: text }) }),
    }),
  ),
  ports: listOf(object({ name: portName, containerPort: port })),
  startupProbe: probe,
  livenessProbe: probe,
  readinessProbe: probe,
  'lifecycle?': object({ preStop: object({ exec }) }),
  resources: object({ requests: object({ cpu, memory: bytes }), limits: object({ memory: bytes }) }),
  securityContext: object({
    allowPrivilegeEscalation: flag,
    readOnlyRootFilesystem: flag,
    capabilities: object({ drop: listOf(text) }),
  }),
  volumeMounts: listOf(object({ name, mountPath: { type: 'string', pattern: '^/' }, 'readOnly?': flag })),
});

const podTemplate = object({
  metadata: object({ labels }),
  spec: object({
    automountServiceAccountToken: flag,
    enableServiceLinks: flag,
    terminationGracePeriodSeconds: count,
    securityContext: object({
      runAsNonRoot: flag,
      runAsUser: count,
      runAsGroup: count,
      fsGroup: count,
      'fsGroupChangePolicy?': oneOf('OnRootMismatch', 'Always'),
      seccompProfile: object({ type: oneOf('RuntimeDefault') }),
    }),
    'topologySpreadConstraints?': listOf(
      object({
        maxSkew: { type: 'integer', minimum: 1 },
        topologyKey: text,
        whenUnsatisfiable: oneOf('DoNotSchedule', 'ScheduleAnyway'),
        labelSelector,
      }),
    ),
    containers: { ...listOf(container), minItems: 1 },
    volumes: listOf(object({ name, 'configMap?': object({ name }), 'emptyDir?': object({ 'sizeLimit?': bytes }) })),
  }),
});

const surge: Schema = { type: ['integer', 'string'], minimum: 0 };
const anObject = (apiVersion: string, kind: string, spec: Record<string, Schema>): Schema =>
  object({ apiVersion: { const: apiVersion }, kind: { const: kind }, metadata: object({ name }), spec: object(spec) });

/** By kind. */
export const MANIFEST_SCHEMAS: Readonly<Record<string, Schema>> = {
  Service: anObject('v1', 'Service', {
    'clusterIP?': oneOf('None'),
    selector: labels,
    ports: listOf(object({ name: portName, port, targetPort: portName })),
  }),
  Deployment: anObject('apps/v1', 'Deployment', {
    replicas: count,
    strategy: object({ rollingUpdate: object({ maxUnavailable: surge, maxSurge: surge }) }),
    selector: labelSelector,
    template: podTemplate,
  }),
  StatefulSet: anObject('apps/v1', 'StatefulSet', {
    serviceName: name,
    replicas: count,
    selector: labelSelector,
    template: podTemplate,
    volumeClaimTemplates: listOf(
      object({
        metadata: object({ name }),
        spec: object({
          accessModes: listOf(oneOf('ReadWriteOnce', 'ReadWriteOncePod')),
          resources: object({ requests: object({ storage: bytes }) }),
        }),
      }),
    ),
  }),
  PodDisruptionBudget: anObject('policy/v1', 'PodDisruptionBudget', { minAvailable: count, selector: labelSelector }),
  NetworkPolicy: anObject('networking.k8s.io/v1', 'NetworkPolicy', {
    podSelector: labelSelector,
    policyTypes: listOf(oneOf('Ingress', 'Egress')),
    ingress: listOf(
      object({
        from: listOf(
          object({
            podSelector: object({
              matchExpressions: listOf(object({ key: text, operator: oneOf('In', 'NotIn'), values: listOf(text) })),
            }),
          }),
        ),
        ports: listOf(object({ protocol: oneOf('TCP'), port })),
      }),
    ),
  }),
};
