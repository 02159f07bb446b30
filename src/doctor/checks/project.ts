import { access, constants, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Discovery } from '../../functions/types.ts';
import { type Check, type DoctorContext, type Finding, type Project, skipped, withProject } from '../check.ts';
import { checkPort } from '../port.ts';

const MINIMAL_CONFIG = '{"functions-dir": "."}\n';

export const projectChecks: readonly Check[] = [
  { id: 'project.config', run: checkConfig, fix: writeMinimalConfig },
  { id: 'project.functions_dir', run: checkFunctionsDir },
  {
    id: 'project.discovery',
    run: (context) => withProject(context, async ({ discovery }) => checkDiscovery(await discovery)),
  },
  {
    id: 'project.functions',
    run: (context) => withProject(context, async ({ discovery }) => checkFunctions(await discovery)),
  },
  { id: 'project.port', run: (context) => withProject(context, checkProjectPort) },
];

function checkConfig({ configFile, configError, project }: DoctorContext): Finding {
  if (configError !== null && configError.code !== 'DIRECTORY_MISSING') {
    const problems = configError.message.split('\n');
    const details = Object.fromEntries(problems.map((problem, index) => [String(index + 1), problem]));
    return { status: 'FAIL', message: `${problems.length} ${problems.length === 1 ? 'problem' : 'problems'}`, details };
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
  const isReadable = await access(functionsRoot, constants.R_OK | constants.X_OK).then(
    () => true,
    () => false,
  );
  if (isReadable) return { status: 'OK', message: functionsRoot };
  return { status: 'FAIL', message: `${functionsRoot} cannot be read`, hint: `chmod u+rx ${functionsRoot}` };
}

function checkDiscovery({ functions, routes, conflicts, problems }: Discovery): Finding {
  const counts = `${functions.length} functions, ${routes.length} routes`;
  const details = Object.fromEntries([
    ...conflicts.map(({ path, methods, claims }) => [
      `${methods.join(',')} ${path}`,
      `claimed by ${claims.join(' and ')}`,
    ]),
    ...problems.map(({ path, message }) => [path, message]),
  ]);
  if (conflicts.length + problems.length === 0) return { status: 'OK', message: counts };
  const hint = problems.find((problem) => problem.hint !== undefined)?.hint;
  return {
    status: 'WARN',
    message: `${counts}; ${conflicts.length} conflicts, ${problems.length} skipped`,
    hint,
    details,
  };
}

function checkFunctions({ functions }: Discovery): Finding {
  const broken = functions.filter(({ configProblem }) => configProblem !== null);
  if (broken.length === 0) return { status: 'OK', message: 'every function configuration is valid' };
  const details = Object.fromEntries(broken.map(({ file, configProblem }) => [file, configProblem!]));
  return { status: 'FAIL', message: `${broken.length} functions have an invalid configuration`, details };
}

async function checkProjectPort({ config: { host, port } }: Project): Promise<Finding> {
  if (port === 0) return skipped('port 0 takes any free one');
  const found = await checkPort(host, port);
  if (found.state === 'free') return { status: 'OK', message: `${host}:${port} is free` };
  if (found.state === 'refused')
    return { status: 'FAIL', message: `${host}:${port}: ${found.reason}`, hint: 'Choose another --host or --port.' };
  const by = found.owner === null ? '' : ` by pid ${found.owner.pid} (${found.owner.command})`;
  return {
    status: 'WARN',
    message: `port ${port} is in use${by}`,
    hint: 'Stop that program, or choose another --port.',
  };
}
