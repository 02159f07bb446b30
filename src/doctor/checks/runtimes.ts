import which from 'which';
import type { ProcessRuntime, Runtime } from '../../functions/types.ts';
import { type Check, type Finding, type NativeScene, skipped, withNative } from '../check.ts';
import { probe } from '../probe.ts';
import { INSTALL_TOOLS, isMissing, type MissingProgram, type Program } from '../types.ts';
import { describeNeed, namesOf, RUNTIME_TITLES } from '../verdict.ts';

/** Nginx, the languages and their install tools (P272-P275). */
export const runtimeChecks: readonly Check[] = [
  { id: 'runtime.openresty', run: withNative(checkNginx) },
  { id: 'runtime.lua_libs', run: withNative(checkLuaLibraries) },
  ...(['node', 'python', 'php'] as const).flatMap((runtime): Check[] => [
    { id: `runtime.${runtime}`, run: withNative((scene) => checkRuntime(scene, runtime)) },
    { id: `tools.${INSTALL_TOOLS[runtime]}`, run: withNative((scene) => checkTool(scene, runtime)) },
  ]),
  { id: 'runtime.go', run: withNative((scene) => checkCompiler(scene, 'go', 'go', 'version')) },
  { id: 'runtime.cargo', run: withNative((scene) => checkCompiler(scene, 'rust', 'cargo', '--version')) },
];

async function checkNginx({ found: { nginx }, severity }: NativeScene): Promise<Finding> {
  if (!isMissing(nginx)) {
    const { path, version, flavor, luaVersion, modules } = nginx;
    const details = { path, version, flavor, lua_module: modules.at(-1) ?? 'built in' };
    return { status: 'OK', message: `${flavor} ${version} with Lua ${luaVersion}`, details };
  }
  if (nginx.lacksLibrary) return { status: 'OK', message: 'nginx loads its Lua module' };
  return {
    status: await severityOf(nginx, severity),
    message: nginx.problem,
    hint: nginx.hint,
    needs: needsOf(nginx, 'nginx'),
  };
}

async function checkLuaLibraries({ found: { nginx }, severity }: NativeScene): Promise<Finding> {
  if (!isMissing(nginx)) return { status: 'OK', message: 'cjson, resty.core and resty.lrucache load' };
  if (!nginx.lacksLibrary) return skipped('there is no nginx with Lua to load them');
  return { status: await severityOf(nginx, severity), message: nginx.problem, hint: nginx.hint, needs: ['nginx'] };
}

async function checkRuntime(scene: NativeScene, runtime: ProcessRuntime): Promise<Finding> {
  const { found, discovery, severity } = scene;
  const program = found[runtime];
  if (program === null) return skipped(`${runtime} is not among the enabled runtimes`);
  const [title, names] = [RUNTIME_TITLES[runtime], namesOf(discovery.functions, runtime)];
  if (!isMissing(program)) {
    const details = { path: program.path, version: program.version, functions: String(names.length) };
    return { status: 'OK', message: `${title} ${program.version}`, details };
  }
  if (names.length === 0 && !program.configured) return skipped(`no function needs ${title}`);
  const message = describeNeed(program.problem, names);
  return { status: await severityOf(program, severity), message, hint: program.hint, needs: needsOf(program, runtime) };
}

/** A tool that installs dependencies matters when a function has a manifest for it (P48). */
function checkTool({ found, discovery }: NativeScene, runtime: ProcessRuntime): Finding {
  const tool = INSTALL_TOOLS[runtime];
  const program: Program | null = found[tool];
  if (program !== null && !isMissing(program)) {
    const { path, version } = program;
    return { status: 'OK', message: `${tool} ${version}`, details: { path, version } };
  }
  const names = discovery.functions.filter(({ manifest }) => manifest?.tool === tool).map(({ name }) => name);
  if (program === null || (names.length === 0 && !program.configured))
    return skipped('no function has dependencies to install with it');
  const status = program.configured ? 'FAIL' : 'WARN';
  return { status, message: describeNeed(program.problem, names), hint: program.hint, needs: needsOf(program, tool) };
}

/** Go and Rust have no worker in this version: only a setting that names a wrong program can be a failure. */
async function checkCompiler(
  { config, discovery }: NativeScene,
  runtime: Extract<Runtime, 'go' | 'rust'>,
  key: 'go' | 'cargo',
  question: string,
): Promise<Finding> {
  const configured = config.binaries[key];
  const names = namesOf(discovery.functions, runtime);
  if (configured === undefined) {
    if (names.length === 0) return skipped(`no function needs ${key}`);
    return { status: 'WARN', message: describeNeed(`${runtime} functions are not served in this version`, names) };
  }
  const hint = `Correct FN_${key.toUpperCase()}_BIN or runtime-binaries, or leave it out.`;
  const path = await which(configured, { nothrow: true });
  if (path === null) return { status: 'FAIL', message: `${configured} does not exist or is not executable`, hint };
  const { ok, stdout, reason } = await probe(path, [question]);
  const version = /\d+(\.\d+)+/.exec(stdout)?.[0];
  if (!ok || version === undefined)
    return { status: 'FAIL', message: `${path}: ${reason || `it does not answer ${question} like ${key}`}`, hint };
  return { status: 'OK', message: `${key} ${version}`, details: { path, version, functions: String(names.length) } };
}

/** A program that a setting names must work, whatever else does (P274). */
async function severityOf(
  { configured }: MissingProgram,
  severity: NativeScene['severity'],
): Promise<Finding['status']> {
  return configured ? 'FAIL' : severity();
}

/** A package does not help where a setting names another program. */
function needsOf<N>({ configured }: MissingProgram, need: N): N[] {
  return configured ? [] : [need];
}
