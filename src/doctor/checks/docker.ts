import type { Engine } from '../../docker/engine.ts';
import type { ProjectConfig } from '../../project/types.ts';
import {
  type Check,
  type DoctorContext,
  type Finding,
  type Project,
  severityWithoutDocker,
  skipped,
  withProject,
} from '../check.ts';
import type { ImageAnswer } from '../docker-image.ts';
import { findDockerLeftovers, type Leftover, removeDockerLeftovers } from '../docker-leftovers.ts';

const NO_DAEMON = 'there is no Docker daemon to ask';

/** What Docker mode needs, and what it left (P269-P271). */
export const dockerChecks: readonly Check[] = [
  { id: 'docker.daemon', run: checkDaemon },
  { id: 'docker.image', run: withProject(checkImage) },
  { id: 'docker.leftovers', run: withEngine(checkLeftovers), fix: removeLeftovers },
];

async function checkDaemon(context: DoctorContext): Promise<Finding> {
  const answer = await context.machine?.docker;
  if (!answer) return skipped('native mode needs no Docker');
  if (!('docker' in answer))
    return { status: await severityWithoutDocker(context), message: answer.problem, hint: answer.hint };
  const { version, apiVersion, address } = answer;
  const details = { server_version: version, api_version: apiVersion, socket: address };
  return { status: 'OK', message: `Docker ${version}`, details };
}

/** Runs a check of what a daemon holds. */
function withEngine(run: (engine: Engine, config: ProjectConfig) => Promise<Finding>): Check['run'] {
  return withProject(async ({ config }, context) => {
    const engine = await engineOf(context);
    return engine === null ? skipped(NO_DAEMON) : run(engine, config);
  });
}

async function engineOf({ machine }: DoctorContext): Promise<Engine | null> {
  const answer = await machine?.docker;
  return answer && 'docker' in answer ? answer : null;
}

async function checkImage({ config: { docker } }: Project, context: DoctorContext): Promise<Finding> {
  const answer = await context.machine?.image;
  if (!answer) return skipped(NO_DAEMON);
  const details = { image: answer.image, base_image: answer.base };
  if (answer.state !== 'unavailable') return { status: 'OK', message: describeImage(answer), details };
  const hint =
    docker.image === null
      ? 'Let FN_DOCKER_BASE_IMAGE name an image that is here (any based on Debian), then start with --build.'
      : 'Let FN_DOCKER_IMAGE name an image that is here, or leave it out.';
  return { status: await severityWithoutDocker(context), message: describeImage(answer), hint, details };
}

function describeImage({ image, base, state, failure }: ImageAnswer): string {
  if (state === 'present') return `${image} is there`;
  if (state === 'buildable') return `${image} is built at the next start, from ${base}`;
  return state === 'pullable'
    ? `${base} is pulled at the next start`
    : `${base} is neither here nor in reach: ${failure}`;
}

async function checkLeftovers(engine: Engine, config: ProjectConfig): Promise<Finding> {
  const leftovers = await findDockerLeftovers(engine, config);
  if (leftovers.length === 0) return { status: 'OK', message: 'no dead stack left anything' };
  const hint = 'fastfn doctor --fix removes them.';
  return { status: 'WARN', message: `left behind: ${list(leftovers)}`, hint };
}

async function removeLeftovers(context: DoctorContext): Promise<string | null> {
  const engine = await engineOf(context);
  if (engine === null || context.project === null) return null;
  const gone = await removeDockerLeftovers(engine, await findDockerLeftovers(engine, context.project.config));
  return gone.length === 0 ? null : `removed ${list(gone)}`;
}

function list(leftovers: readonly Leftover[]): string {
  return leftovers.map(({ kind, name }) => `${kind} ${name}`).join(', ');
}
