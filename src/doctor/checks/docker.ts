import type { Engine } from '../../docker/engine.ts';
import { type Check, type DoctorContext, type Finding, severityWithoutDocker, skipped } from '../check.ts';

export const dockerChecks: readonly Check[] = [{ id: 'docker.daemon', run: checkDaemon }];

async function checkDaemon(context: DoctorContext): Promise<Finding> {
  const answer = await context.machine?.docker;
  if (!answer) return skipped('native mode needs no Docker');
  if ('docker' in answer) return describeDaemon(answer);
  return { status: await severityWithoutDocker(context), message: answer.problem, hint: answer.hint };
}

function describeDaemon({ version, apiVersion, address }: Engine): Finding {
  const details = { server_version: version, api_version: apiVersion, socket: address };
  return { status: 'OK', message: `Docker ${version}`, details };
}
