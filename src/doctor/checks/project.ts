import { access, constants, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ConfigError } from '../../project/config-error.ts';
import type { Check, DoctorContext, Finding, Project } from '../check.ts';
import { skipped, withProject } from '../check.ts';
import { checkPort } from '../port.ts';
import { dependencyCheck } from './dependencies.ts';
import { functionChecks } from './functions.ts';
import { scheduleCheck } from './schedules.ts';
import { secretsCheck } from './secrets.ts';
import { stateCheck } from './state.ts';

const MINIMAL_CONFIG = '{"functions-dir": "."}\n';

/** What the files of a project say (P276-P284): all that `fastfn check` looks at. */
export const projectChecks: readonly Check[] = [
  { id: 'project.config', run: checkConfig, fix: writeMinimalConfig },
  { id: 'project.functions_dir', run: checkFunctionsDir },
  ...functionChecks,
  secretsCheck,
  dependencyCheck,
  { id: 'project.port', run: withProject(checkProjectPort) },
  stateCheck,
  scheduleCheck,
];

function checkConfig({ configFile, configError, project }: DoctorContext): Finding {
  if (configError !== null && configError.code !== 'DIRECTORY_MISSING') {
    const problems = configError instanceof ConfigError ? configError.problems : [configError.message];
    const details = Object.fromEntries(problems.map((problem, index) => [String(index + 1), problem]));
    const message = problems.length === 1 ? problems[0]! : `${problems.length} problems`;
    return { status: 'FAIL', message, hint: configError.hint, details };
  }
  if (configFile !== null) return { status: 'OK', message: `${configFile} is valid` };
  const toml = project?.config.notes.find((note) => note.startsWith('fastfn.toml'));
  const message = toml ?? 'there is no fastfn.json; defaults apply';
  return { status: 'WARN', message, hint: 'fastfn doctor --fix writes a minimal one.' };
}

async function writeMinimalConfig({ cwd, configFile, configError }: DoctorContext): Promise<string | null> {
  if (configFile !== null || configError !== null) return null;
  const path = join(cwd, 'fastfn.json');
  await writeFile(path, MINIMAL_CONFIG, { flag: 'wx' });
  return `wrote ${path}`;
}

async function checkFunctionsDir({ configError, project }: DoctorContext): Promise<Finding> {
  if (configError?.code === 'DIRECTORY_MISSING')
    return { status: 'FAIL', message: configError.message, hint: configError.hint };
  if (project === null) return skipped('the configuration is invalid');
  const { functionsRoot } = project.config;
  try {
    await access(functionsRoot, constants.R_OK | constants.X_OK);
    return { status: 'OK', message: functionsRoot };
  } catch {
    return { status: 'FAIL', message: `${functionsRoot} cannot be read`, hint: `chmod u+rx "${functionsRoot}"` };
  }
}

async function checkProjectPort({ config }: Project, { machine }: DoctorContext): Promise<Finding> {
  const { host, port, projectId } = config;
  if (machine === null) return skipped('fastfn check opens no port; fastfn doctor does');
  if (port === 0) return skipped('port 0 takes any free one');
  const own = (await machine.runs).find(
    ({ file, isAlive }) => isAlive && file?.project_id === projectId && file.port === port,
  );
  if (own)
    return { status: 'OK', message: `port ${port} belongs to this project's running stack (pid ${own.file?.pid})` };
  const found = await checkPort(host, port);
  if (found.state === 'free') return { status: 'OK', message: `${host}:${port} is free` };
  if (found.state === 'refused')
    return { status: 'FAIL', message: `${host}:${port}: ${found.reason}`, hint: 'Choose another --host or --port.' };
  const by = found.owner === null ? '' : ` by pid ${found.owner.pid} (${found.owner.command})`;
  const hint = 'Stop that program, or choose another --port.';
  return { status: 'WARN', message: `port ${port} is in use${by}`, hint };
}
