import { kubernetesManifests, secretName } from '../../deploy/kubernetes.ts';
import { type DeployPlan, planDeployment } from '../../deploy/plan.ts';
import { readVariables } from '../../deploy/variables.ts';
import { toYamlStream } from '../../deploy/yaml.ts';
import { FastfnError } from '../../errors.ts';
import { readEnvironment } from '../../project/environment.ts';
import type { ProjectConfig } from '../../project/types.ts';
import { loadInvokedProject, workingDirectory } from '../load-project.ts';
import type { Invocation, Terminal } from '../terminal.ts';

/** `fastfn deploy kubernetes [dir]` (P299): manifests for `kubectl apply`. No value of a secret is read. */
export async function deployKubernetes(invocation: Invocation, terminal: Terminal): Promise<void> {
  const config = await loadInvokedProject('run', invocation, terminal);
  const plan = await readPlan(config, invocation, terminal);
  const host = readHost(invocation.flags.host as string | undefined);
  terminal.out.text(toYamlStream(kubernetesManifests(plan, host)));
  for (const line of nextSteps(plan, host)) terminal.err.line(line);
}

async function readPlan(config: ProjectConfig, { flags }: Invocation, terminal: Terminal): Promise<DeployPlan> {
  const environment = await readEnvironment({
    command: 'run',
    projectDir: config.projectDir,
    cwd: await workingDirectory(flags.cwd as string | undefined, terminal.cwd),
    files: (flags['env-file'] ?? []) as readonly string[],
    real: terminal.env,
  });
  const { plain, secrets } = await readVariables(config, environment);
  const given = (name: string) => flags[name] as string | undefined;
  const options = { name: given('name'), image: given('image'), replicas: given('replicas') };
  return planDeployment(config, options, { variables: plain, secrets });
}

/** A name of RFC 1123; the first label may be a wildcard, as an Ingress takes it. */
function readHost(given: string | undefined): string | null {
  if (given === undefined) return null;
  const isName = given.length <= 253 && /^(?:\*\.)?(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.|$))+$/.test(given);
  if (isName && !given.endsWith('.') && !/^[\d.]+$/.test(given)) return given;
  throw new FastfnError('USAGE', `--host: ${JSON.stringify(given)} is not a public name`, {
    hint: 'Use one like api.example.com, in lower case.',
  });
}

function nextSteps(plan: DeployPlan, host: string | null): string[] {
  const keys = plan.secrets.map((name) => ` --from-file=${name}=FILE`).join('');
  return [
    `the cluster has to be able to pull ${plan.image}, made by fastfn build`,
    ...(keys === '' ? [] : [`secrets, once: kubectl create secret generic ${secretName(plan)}${keys}`]),
    ...(host === null ? [] : [`certificate of ${host}: a Secret named ${plan.name}-tls`]),
    'apply the manifests: kubectl apply -f FILE',
  ];
}
