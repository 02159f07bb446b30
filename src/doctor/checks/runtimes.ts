import type { ProcessRuntime } from '../../functions/types.ts';
import { type Check, type Finding, type Project, skipped, withProject } from '../check.ts';
import { INSTALL_TOOLS, isMissing, type Program } from '../types.ts';
import { describeNeed, namesOf, RUNTIME_TITLES } from '../verdict.ts';

export const runtimeChecks: readonly Check[] = [
  { id: 'runtime.openresty', run: (context) => withProject(context, checkNginx) },
  { id: 'runtime.lua_libs', run: (context) => withProject(context, checkLuaLibraries) },
  ...(['node', 'python', 'php'] as const).flatMap((runtime): Check[] => [
    { id: `runtime.${runtime}`, run: (context) => withProject(context, (project) => checkRuntime(project, runtime)) },
    {
      id: `tools.${INSTALL_TOOLS[runtime]}`,
      run: (context) => withProject(context, (project) => checkTool(project, runtime)),
    },
  ]),
];

async function checkNginx({ prerequisites }: Project): Promise<Finding> {
  const { nginx } = await prerequisites;
  if (!isMissing(nginx)) {
    const { path, version, flavor, luaVersion, modules } = nginx;
    const module = modules.at(-1) ?? 'built in';
    return {
      status: 'OK',
      message: `${flavor} ${version} with Lua ${luaVersion}`,
      details: { path, flavor, version, lua_module: module },
    };
  }
  if (nginx.lacksLibrary) return { status: 'OK', message: 'nginx loads its Lua module' };
  return { status: 'FAIL', message: nginx.problem, hint: nginx.hint, needs: nginx.configured ? [] : ['nginx'] };
}

async function checkLuaLibraries({ prerequisites }: Project): Promise<Finding> {
  const { nginx } = await prerequisites;
  if (!isMissing(nginx)) return { status: 'OK', message: 'cjson, resty.core and resty.lrucache load' };
  if (!nginx.lacksLibrary) return skipped('there is no nginx with Lua to load them');
  return { status: 'FAIL', message: nginx.problem, hint: nginx.hint, needs: ['nginx'] };
}

async function checkRuntime({ config, prerequisites, discovery }: Project, runtime: ProcessRuntime): Promise<Finding> {
  if (!config.runtimes.includes(runtime)) return skipped(`${runtime} is not among the enabled runtimes`);
  const [found, names] = [(await prerequisites)[runtime], namesOf((await discovery).functions, runtime)];
  if (found === null) return skipped(`${runtime} is not among the enabled runtimes`);
  const title = RUNTIME_TITLES[runtime];
  if (!isMissing(found)) {
    const details = { path: found.path, version: found.version, functions: String(names.length) };
    return { status: 'OK', message: `${title} ${found.version}`, details };
  }
  if (names.length === 0 && !found.configured) return skipped(`no function needs ${title}`);
  const needs = found.configured ? [] : [runtime];
  return { status: 'FAIL', message: describeNeed(found.problem, names), hint: found.hint, needs };
}

/** A tool that installs dependencies matters when a function has a manifest for it (P48). */
async function checkTool({ prerequisites, discovery }: Project, runtime: ProcessRuntime): Promise<Finding> {
  const tool = INSTALL_TOOLS[runtime];
  const found: Program | null = (await prerequisites)[tool];
  if (found !== null && !isMissing(found)) {
    return { status: 'OK', message: `${tool} ${found.version}`, details: { path: found.path, version: found.version } };
  }
  const names = (await discovery).functions.filter(({ manifest }) => manifest?.tool === tool).map(({ name }) => name);
  if (found === null || (names.length === 0 && !found.configured))
    return skipped('no function has dependencies to install with it');
  const needs = found.configured ? [] : [tool];
  return { status: 'WARN', message: describeNeed(found.problem, names), hint: found.hint, needs };
}
