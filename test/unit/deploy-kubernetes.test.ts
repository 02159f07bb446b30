import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseWithPointers } from '@stoplight/yaml';
import { Ajv } from 'ajv';
import formats from 'ajv-formats';
import { beforeAll, describe, expect, test } from 'vitest';
import { kubernetesManifests } from '../../src/deploy/kubernetes.ts';
import { type DeployPlan, planDeployment } from '../../src/deploy/plan.ts';
import { readVariables } from '../../src/deploy/variables.ts';
import { toYaml } from '../../src/deploy/yaml.ts';
import { Environment } from '../../src/project/environment.ts';
import { loadProject } from '../../src/project/load.ts';
import { buildPackage, cleanEnvironment, type Result, runToEnd } from './cli-support.ts';
import { temporaryFolder } from './config-support.ts';

const SCHEMAS = JSON.parse(
  readFileSync(new URL('../fixtures/kubernetes-schemas/schemas.json', import.meta.url), 'utf8'),
);
const KINDS: Readonly<Record<string, string>> = {
  ConfigMap: 'io.k8s.api.core.v1.ConfigMap',
  Deployment: 'io.k8s.api.apps.v1.Deployment',
  Service: 'io.k8s.api.core.v1.Service',
  Ingress: 'io.k8s.api.networking.v1.Ingress',
  NetworkPolicy: 'io.k8s.api.networking.v1.NetworkPolicy',
  PodDisruptionBudget: 'io.k8s.api.policy.v1.PodDisruptionBudget',
  HorizontalPodAutoscaler: 'io.k8s.api.autoscaling.v2.HorizontalPodAutoscaler',
};
/** Names of objects, of their ports and volumes (RFC 1123). */
const LABEL = /^(?=.{1,63}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?$/;

const ajv = formats.default(new Ajv({ strict: false, allErrors: true }));
ajv.addFormat('quantity', /^\d+(\.\d+)?(m|Ki|Mi|Gi|k|M|G)?$/);
for (const [name, schema] of Object.entries(SCHEMAS)) ajv.addSchema(schema as object, `${name}#`);

const PLAN: DeployPlan = {
  name: 'shop',
  image: 'registry.example.com/shop:1.2',
  replicas: 3,
  variables: { FN_LOG_LEVEL: 'warn', REGION: 'no' },
  secrets: ['DATABASE_URL', 'FN_ADMIN_TOKEN'],
  drainSeconds: 20,
  readySeconds: 60,
  scheduler: { schedules: true, jobs: true },
};

/** What the schema of its kind says against an object. */
function problemsOf(manifest: any): string[] {
  const validate = ajv.getSchema(`${KINDS[manifest.kind]}#`)!;
  return validate(manifest) ? [] : validate.errors!.map((error) => `${error.instancePath} ${error.message}`);
}

function parseStream(text: string): any[] {
  return text
    .split(/^---\n/m)
    .slice(1)
    .map(parseYaml);
}

function parseYaml(text: string): any {
  const { data, diagnostics } = parseWithPointers(text);
  expect(diagnostics).toEqual([]);
  return data;
}

function find(manifests: readonly any[], kind: string, name = 'shop'): any {
  return manifests.find((manifest) => manifest.kind === kind && manifest.metadata.name === name);
}

const podOf = (deployment: any) => deployment.spec.template.spec;
const containerOf = (deployment: any) => podOf(deployment).containers[0];
const envOf = (deployment: any) =>
  Object.fromEntries(containerOf(deployment).env.map(({ name, value }: any) => [name, value]));

describe('manifests', () => {
  const manifests = kubernetesManifests(PLAN, 'api.example.com') as any[];
  const web = find(manifests, 'Deployment');
  const scheduler = find(manifests, 'Deployment', 'shop-scheduler');

  test('P299: each passes the schema of its kind, which rejects what Kubernetes does not know', () => {
    expect(new Set(manifests.map(({ kind }) => kind))).toEqual(new Set(Object.keys(KINDS)));
    expect(manifests.flatMap(problemsOf)).toEqual([]);
    expect(problemsOf({ ...web, spec: { ...web.spec, replica: 3 } })).not.toEqual([]);
  });

  test.each([
    ['without secrets', { secrets: [] }],
    ['without schedules and jobs', { scheduler: null }],
    ['without variables', { variables: {} }],
    ['with the longest name', { name: 'a'.repeat(50) }],
  ])('P299: %s too', (_, given) => {
    const all = kubernetesManifests({ ...PLAN, ...given }, null) as any[];
    expect(all.flatMap(problemsOf)).toEqual([]);
    for (const { metadata } of all) expect(metadata.name).toMatch(LABEL);
  });

  test('P299: schedules and jobs are on in exactly one pod, also while it is replaced', () => {
    expect(envOf(web)).toMatchObject({ FN_SCHEDULER_ENABLED: '0', FN_JOBS_ENABLED: '0' });
    expect(envOf(scheduler)).toMatchObject({ FN_SCHEDULER_ENABLED: '1', FN_JOBS_ENABLED: '1' });
    expect(scheduler.spec).toMatchObject({ replicas: 1, strategy: { type: 'Recreate' } });
  });

  test('P299: what a project switches off is on nowhere', () => {
    const one = kubernetesManifests({ ...PLAN, scheduler: { schedules: false, jobs: true } }, null) as any[];
    expect(envOf(find(one, 'Deployment', 'shop-scheduler'))).toMatchObject({
      FN_SCHEDULER_ENABLED: '0',
      FN_JOBS_ENABLED: '1',
    });
    const none = kubernetesManifests({ ...PLAN, scheduler: null }, null) as any[];
    expect(none.filter(({ kind }) => kind === 'Deployment')).toHaveLength(1);
  });

  test('P299: requests, policies, budget and autoscaler find the pods that serve, and no others', () => {
    const labels = web.spec.template.metadata.labels;
    expect(find(manifests, 'Service').spec.selector).toEqual(labels);
    expect(find(manifests, 'NetworkPolicy').spec.podSelector.matchLabels).toEqual(labels);
    expect(find(manifests, 'PodDisruptionBudget').spec.selector.matchLabels).toEqual(labels);
    expect(web.spec.selector.matchLabels).toEqual(labels);
    expect(scheduler.spec.template.metadata.labels).not.toEqual(labels);
    expect(find(manifests, 'NetworkPolicy', 'shop-scheduler').spec.ingress).toEqual([]);
    const { scaleTargetRef, minReplicas, maxReplicas } = find(manifests, 'HorizontalPodAutoscaler').spec;
    expect(scaleTargetRef).toEqual({ apiVersion: web.apiVersion, kind: web.kind, name: web.metadata.name });
    expect([minReplicas, maxReplicas]).toEqual([3, 12]);
    expect(web.spec).not.toHaveProperty('replicas');
  });

  test('P299: a pod is no root, writes to its own volumes only, and has no privileges and no token', () => {
    expect(podOf(web)).toMatchObject({
      automountServiceAccountToken: false,
      securityContext: { runAsNonRoot: true, runAsUser: 10001, seccompProfile: { type: 'RuntimeDefault' } },
    });
    expect(containerOf(web).securityContext).toEqual({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    });
    const volumes = podOf(web).volumes.map(({ name }: any) => name);
    expect(containerOf(web).volumeMounts.map(({ name }: any) => name)).toEqual(volumes);
  });

  test('P299: a pod that ends is told only when requests go elsewhere, and drains before it is killed', () => {
    expect(web.spec.strategy.rollingUpdate).toEqual({ maxUnavailable: 0, maxSurge: 1 });
    const { startupProbe, readinessProbe, livenessProbe, lifecycle } = containerOf(web);
    expect(readinessProbe.httpGet.path).toBe('/_fn/ready');
    expect(livenessProbe.httpGet.path).toBe('/_fn/live');
    expect(startupProbe.periodSeconds * startupProbe.failureThreshold).toBeGreaterThan(PLAN.readySeconds);
    const waits = Number(lifecycle.preStop.exec.command[1]);
    expect(podOf(web).terminationGracePeriodSeconds).toBeGreaterThanOrEqual(waits + PLAN.drainSeconds + 5);
  });

  test('P299: secrets are files of a Secret that is named and not printed', () => {
    expect(envOf(web)).toMatchObject({ DATABASE_URL_FILE: '/run/secrets/fastfn/DATABASE_URL' });
    expect(podOf(web).volumes.at(-1).secret).toMatchObject({
      secretName: 'shop-secrets',
      items: [
        { key: 'DATABASE_URL', path: 'DATABASE_URL' },
        { key: 'FN_ADMIN_TOKEN', path: 'FN_ADMIN_TOKEN' },
      ],
    });
  });

  test('P299: a changed variable means new pods', () => {
    const changed = kubernetesManifests({ ...PLAN, variables: { REGION: 'se' } }, null);
    expect(find(changed, 'Deployment').spec.template.metadata).not.toEqual(web.spec.template.metadata);
  });
});

test.each([
  ['shop', 'shop'],
  ['My Shop 2', 'my-shop-2'],
  ['2nd.Shop_', 'fastfn-2nd-shop'],
  ['käse', 'k-se'],
  ['日本', 'fastfn'],
  ['x'.repeat(80), 'x'.repeat(50)],
  [`${'x'.repeat(49)}-y`, 'x'.repeat(49)],
])('P299: the folder %j is deployed as %j', (folder, name) => {
  const config = { projectDir: `/srv/${folder}`, settings: {}, drainTimeoutSeconds: 15, readyTimeoutSeconds: 60 };
  const options = { name: undefined, image: undefined, replicas: undefined };
  const plan = planDeployment(config, options, { variables: {}, secrets: [] });
  expect(plan).toMatchObject({ name, image: `${name}:latest`, replicas: 2 });
  expect(name).toMatch(LABEL);
});

test('P299: YAML reads as what was meant, also text that looks like something else', () => {
  const texts = [
    '',
    ' ',
    'no',
    'Yes',
    'null',
    '~',
    '1',
    '0x1f',
    '1e3',
    '2026-01-31',
    'a: b',
    'a #b',
    '- a',
    '*a',
    '&a',
    '!a',
  ];
  const hard = ['"', "'", 'two\nlines', 'tab\t', '\u2028', '\u0085', '{', '[', '%', '@', '`', '|', 'é', '=', '.', ':'];
  const value = { texts: [...texts, ...hard], nested: [[1, [true]], [{ a: null, b: {} }], []], 'a: b': { no: 1.5 } };
  expect(parseYaml(toYaml(value))).toEqual(value);
});

describe('variables', () => {
  async function variablesOf(files: Record<string, string>, env: Record<string, string>) {
    const cwd = temporaryFolder();
    for (const [name, content] of Object.entries(files)) {
      mkdirSync(join(cwd, name, '..'), { recursive: true });
      writeFileSync(join(cwd, name), content);
    }
    const config = await loadProject({ command: 'run', flags: {}, env, cwd });
    return readVariables(config, new Environment(env, {}));
  }

  test('P299: settings that are set here go with it, those of this machine do not', async () => {
    const env = {
      FN_LOG_LEVEL: 'warn',
      FN_HOST_PORT: '9000',
      FN_HOST: '127.0.0.1',
      FN_SCHEDULER_ENABLED: '1',
      HOME: '/x',
    };
    expect(await variablesOf({}, env)).toEqual({ plain: { FN_LOG_LEVEL: 'warn' }, secrets: [] });
  });

  test('P299: secrets are known by name: of the platform if they are set, of functions always', async () => {
    const file = {
      API_KEY: 'k-123',
      OTHER: { from_env: 'DATABASE_URL' },
      REGION: { from_env: 'REGION', is_secret: false },
      ABSENT: { from_env: 'ABSENT', is_secret: false },
      GREETING: 'hello',
    };
    const found = await variablesOf(
      { 'shop/fn.env.json': JSON.stringify(file) },
      { FN_ADMIN_TOKEN: 'a-token-of-the-admin', REGION: 'eu', GREETING: 'x' },
    );
    expect(found).toEqual({ plain: { REGION: 'eu' }, secrets: ['API_KEY', 'DATABASE_URL', 'FN_ADMIN_TOKEN'] });
  });

  test('P6: a name that no container takes is refused', async () => {
    const file = JSON.stringify({ A: { from_env: 'not a name' } });
    await expect(variablesOf({ 'fn.env.json': file }, {})).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  });
});

test('F147: from_env takes a secret from the file that NAME_FILE names, and the plain variable wins', async () => {
  const cwd = temporaryFolder();
  writeFileSync(join(cwd, 'url'), 'postgres://db\n');
  writeFileSync(join(cwd, 'token'), 'not for functions');
  writeFileSync(join(cwd, 'long'), 'x'.repeat(9000));
  const env = {
    DATABASE_URL_FILE: join(cwd, 'url'),
    BOTH_FILE: join(cwd, 'url'),
    BOTH: 'plain',
    RELATIVE_FILE: 'url',
    LONG_FILE: join(cwd, 'long'),
    MISSING_FILE: join(cwd, 'missing'),
    FN_ADMIN_TOKEN_FILE: join(cwd, 'token'),
  };
  const { fromEnv } = await loadProject({ command: 'run', flags: {}, env, cwd });
  expect(fromEnv).toMatchObject({ DATABASE_URL: 'postgres://db', BOTH: 'plain', RELATIVE: 'postgres://db' });
  for (const name of ['LONG', 'MISSING', 'FN_ADMIN_TOKEN', 'FN_ADMIN_TOKEN_FILE'])
    expect(fromEnv).not.toHaveProperty(name);
});

describe('fastfn deploy kubernetes', () => {
  let fastfn: string;
  let cwd: string;
  beforeAll(() => {
    fastfn = buildPackage();
    cwd = temporaryFolder();
    mkdirSync(join(cwd, 'api'));
    writeFileSync(join(cwd, 'api/hello.js'), 'exports.handler = () => "hello"');
    writeFileSync(join(cwd, 'api/fn.env.json'), '{"API_KEY": "k-123456"}');
    writeFileSync(join(cwd, '.env'), 'FN_ADMIN_TOKEN=a-token-of-the-admin\nFN_LOG_LEVEL=warn\n');
  });

  function deploy(...args: string[]): Promise<Result> {
    return runToEnd(fastfn, ['deploy', 'kubernetes', ...args], { cwd, env: cleanEnvironment(cwd) });
  }

  test('P299: it prints a stream of valid manifests, and says what else is needed; no value of a secret', async () => {
    const { code, stdout, stderr } = await deploy(
      'api',
      '--name',
      'shop',
      '--image',
      'r.example.com/shop:1',
      '--host',
      'a.b',
    );
    expect(code).toBe(0);
    const manifests = parseStream(stdout);
    expect(manifests.flatMap(problemsOf)).toEqual([]);
    expect(containerOf(find(manifests, 'Deployment')).image).toBe('r.example.com/shop:1');
    expect(find(manifests, 'ConfigMap').data).toMatchObject({ FN_LOG_LEVEL: 'warn' });
    expect(find(manifests, 'Ingress').spec.rules[0].host).toBe('a.b');
    expect(stderr).toContain(
      'kubectl create secret generic shop-secrets --from-file=API_KEY=FILE --from-file=FN_ADMIN_TOKEN=FILE\n',
    );
    expect(stdout + stderr).not.toMatch(/k-123456|a-token-of-the-admin/);
  });

  test.each([
    [['--name', 'Shop'], '--name: "Shop" is not a name for a service'],
    [['--image', 'a b'], '--image: "a b" is not the name of an image'],
    [['--replicas', '0'], '--replicas: must be a number from 1 to 1000, not "0"'],
    [['--host', 'https://a.b'], '--host: "https://a.b" is not a public name'],
    [['--host', '10.0.0.1'], '--host: "10.0.0.1" is not a public name'],
    [['--user', 'shop'], '--user means nothing to kubernetes'],
    [['missing'], 'missing does not exist'],
  ])('P6: deploy kubernetes %j, exit 2', async (args, message) => {
    const { code, stdout, stderr } = await deploy(...args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain(`error: ${message}`);
  });
});
