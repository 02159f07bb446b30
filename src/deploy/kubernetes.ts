import { createHash } from 'node:crypto';
import { CONTAINER, type DeployPlan, schedulerVariables, secretVariables } from './plan.ts';
import type { YamlValue } from './yaml.ts';

type Manifest = { readonly [key: string]: YamlValue | undefined };

/** The part of a deployment that a pod is of. */
type Component = 'web' | 'scheduler';

/** Endpoints are told of a pod's end at the same time as the pod: it goes on for as long as that may take. */
const PRE_STOP_SECONDS = 5;
/** More than what is drained: nginx and the workers end after it. */
const STOP_RESERVE_SECONDS = 10;
const STARTUP_PERIOD_SECONDS = 2;

/** Until its own numbers are known: a small pod that may grow. */
const RESOURCES = { requests: { cpu: '100m', memory: '256Mi' }, limits: { cpu: '2', memory: '1Gi' } } as const;

const MAX_REPLICAS_FACTOR = 4;
const BUSY_CPU_PERCENT = 70;

/** The Secret that a deployment with secrets refers to; who deploys makes it. */
export function secretName({ name }: DeployPlan): string {
  return `${name}-secrets`;
}

/** What `kubectl apply` needs to serve an image (P299); `host` is the public name that an Ingress leads from. */
export function kubernetesManifests(plan: DeployPlan, host: string | null): Manifest[] {
  const scheduler =
    plan.scheduler === null
      ? []
      : [
          deployment(plan, 'scheduler', schedulerVariables(plan.scheduler), {
            replicas: 1,
            strategy: { type: 'Recreate' }, // never two at a time
          }),
          networkPolicy(plan, 'scheduler', []),
        ];
  return [
    manifest('v1', 'ConfigMap', plan.name, { data: configData(plan) }),
    // Without a number of replicas: applying this again must not undo what the autoscaler did.
    deployment(plan, 'web', schedulerVariables(null), {
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } },
    }),
    service(plan),
    ...(host === null ? [] : [ingress(plan, host)]),
    networkPolicy(plan, 'web', [{ ports: [{ port: 'http' }] }]),
    disruptionBudget(plan),
    autoscaler(plan),
    ...scheduler,
  ];
}

/** Variables of every pod; left to itself, nginx counts the processors of the whole node. */
function configData({ variables }: DeployPlan): Record<string, string> {
  return { FN_NGINX_WORKERS: RESOURCES.limits.cpu, ...variables };
}

/** Every object carries the name of the whole, so that one selector finds them all. */
function manifest(apiVersion: string, kind: string, name: string, content: Manifest, whole = name): Manifest {
  const labels = { 'app.kubernetes.io/name': whole, 'app.kubernetes.io/managed-by': 'fastfn' };
  return { apiVersion, kind, metadata: { name, labels }, ...content };
}

function podLabels({ name }: DeployPlan, component: Component) {
  return { 'app.kubernetes.io/name': name, 'app.kubernetes.io/component': component };
}

function nameOf({ name }: DeployPlan, component: Component): string {
  return component === 'web' ? name : `${name}-${component}`;
}

function deployment(
  plan: DeployPlan,
  component: Component,
  variables: Readonly<Record<string, string>>,
  how: Manifest,
): Manifest {
  const labels = podLabels(plan, component);
  const configHash = createHash('sha256')
    .update(JSON.stringify(configData(plan)))
    .digest('hex');
  const spec = {
    ...how,
    selector: { matchLabels: labels },
    template: {
      metadata: { labels, annotations: { 'checksum/config': configHash } }, // a changed variable means new pods
      spec: podSpec(plan, component, variables),
    },
  };
  return manifest('apps/v1', 'Deployment', nameOf(plan, component), { spec }, plan.name);
}

function podSpec(plan: DeployPlan, component: Component, variables: Readonly<Record<string, string>>): Manifest {
  return {
    automountServiceAccountToken: false,
    enableServiceLinks: false, // a Service called "fn" would set FN_PORT
    terminationGracePeriodSeconds: PRE_STOP_SECONDS + plan.drainSeconds + STOP_RESERVE_SECONDS,
    securityContext: {
      runAsNonRoot: true,
      runAsUser: CONTAINER.uid,
      runAsGroup: CONTAINER.uid,
      fsGroup: CONTAINER.uid,
      seccompProfile: { type: 'RuntimeDefault' },
    },
    topologySpreadConstraints: [
      {
        maxSkew: 1,
        topologyKey: 'kubernetes.io/hostname',
        whenUnsatisfiable: 'ScheduleAnyway',
        labelSelector: { matchLabels: podLabels(plan, component) },
      },
    ],
    containers: [container(plan, variables)],
    volumes: [
      { name: 'state', emptyDir: {} },
      { name: 'tmp', emptyDir: {} },
      ...(plan.secrets.length === 0 ? [] : [secretVolume(plan)]),
    ],
  };
}

/** Names the keys, so that a pod without one waits and says which, instead of serving without it. */
function secretVolume(plan: DeployPlan): Manifest {
  const items = plan.secrets.map((name) => ({ key: name, path: name }));
  return { name: 'secrets', secret: { secretName: secretName(plan), defaultMode: 0o440, items } };
}

function container(plan: DeployPlan, variables: Readonly<Record<string, string>>): Manifest {
  const env = Object.entries({ ...variables, ...secretVariables(plan) }).map(([name, value]) => ({ name, value }));
  const secrets = { name: 'secrets', mountPath: CONTAINER.secrets, readOnly: true };
  return {
    name: 'fastfn',
    image: plan.image,
    ports: [{ name: 'http', containerPort: CONTAINER.port }],
    envFrom: [{ configMapRef: { name: plan.name } }],
    env,
    resources: RESOURCES,
    securityContext: {
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    },
    startupProbe: probe(
      '/_fn/ready',
      STARTUP_PERIOD_SECONDS,
      Math.ceil(plan.readySeconds / STARTUP_PERIOD_SECONDS) + 1,
    ),
    readinessProbe: probe('/_fn/ready', 5, 2),
    livenessProbe: probe('/_fn/live', 10, 3),
    lifecycle: { preStop: { exec: { command: ['sleep', String(PRE_STOP_SECONDS)] } } },
    volumeMounts: [
      { name: 'state', mountPath: CONTAINER.state },
      { name: 'tmp', mountPath: '/tmp' },
      ...(plan.secrets.length === 0 ? [] : [secrets]),
    ],
  };
}

function probe(path: string, periodSeconds: number, failureThreshold: number): Manifest {
  return { httpGet: { path, port: 'http' }, periodSeconds, timeoutSeconds: 5, failureThreshold };
}

function service(plan: DeployPlan): Manifest {
  const ports = [{ name: 'http', port: 80, targetPort: 'http' }];
  return manifest('v1', 'Service', plan.name, { spec: { selector: podLabels(plan, 'web'), ports } });
}

function ingress(plan: DeployPlan, host: string): Manifest {
  const backend = { service: { name: plan.name, port: { name: 'http' } } };
  return manifest('networking.k8s.io/v1', 'Ingress', plan.name, {
    spec: {
      tls: [{ hosts: [host], secretName: `${plan.name}-tls` }],
      rules: [{ host, http: { paths: [{ path: '/', pathType: 'Prefix', backend }] } }],
    },
  });
}

/** What may reach the pods; what functions reach is theirs to choose. */
function networkPolicy(plan: DeployPlan, component: Component, allowed: readonly YamlValue[]): Manifest {
  const podSelector = { matchLabels: podLabels(plan, component) };
  const spec = { podSelector, policyTypes: ['Ingress'], ingress: allowed };
  return manifest('networking.k8s.io/v1', 'NetworkPolicy', nameOf(plan, component), { spec }, plan.name);
}

function disruptionBudget(plan: DeployPlan): Manifest {
  const selector = { matchLabels: podLabels(plan, 'web') };
  return manifest('policy/v1', 'PodDisruptionBudget', plan.name, { spec: { maxUnavailable: 1, selector } });
}

function autoscaler(plan: DeployPlan): Manifest {
  const target = { type: 'Utilization', averageUtilization: BUSY_CPU_PERCENT };
  return manifest('autoscaling/v2', 'HorizontalPodAutoscaler', plan.name, {
    spec: {
      scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: plan.name },
      minReplicas: plan.replicas,
      maxReplicas: plan.replicas * MAX_REPLICAS_FACTOR,
      metrics: [{ type: 'Resource', resource: { name: 'cpu', target } }],
    },
  });
}
