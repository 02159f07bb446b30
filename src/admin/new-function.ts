// What a function that is to be created consists of (P210): decided, and refused, before anything is written.
import { statSync } from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod';
import { makesFunctionFolder } from '../functions/entries.ts';
import { mergeEnv } from '../functions/env-file.ts';
import { sealerFor, secretFileOf } from '../functions/env-secrets.ts';
import { runtimeOf } from '../functions/file-names.ts';
import { isNeverScanned } from '../functions/ignored.ts';
import type { JsonObject } from '../functions/json-value.ts';
import { CONFIG_FILE, ENV_FILE } from '../functions/platform-files.ts';
import { isReserved } from '../functions/segments.ts';
import { keyringOf } from '../secrets/keyring.ts';
import type { NewFile } from '../staged-folder.ts';
import { applyConfigChange, type NewConfig } from './config-write.ts';
import { requireInsideRoot } from './inside-root.ts';
import { type CreatableRuntime, DEFAULT_HANDLER, minimalHandler } from './minimal-handlers.ts';
import type { Platform } from './platform.ts';
import { Problem } from './problem.ts';
import { requireFreeRoutes } from './route-owner.ts';
import type { TargetQuery } from './target.ts';

const FOLDER_NAME = /^[A-Za-z0-9_-]+(?:\/[A-Za-z0-9_-]+)*$/; // F28; a target may also be a file's path

const text = (name: string) => z.string({ error: `${name} must be a string` }).optional();
const object = (name: string) => z.record(z.string(), z.unknown(), { error: `${name} must be an object` }).optional();

/** Everything may be left out; members that are not listed are ignored (P161). */
export const CreateBody = z
  .object({
    code: text('code'),
    filename: text('filename'),
    methods: z.unknown().optional(),
    summary: text('summary'),
    query_example: object('query_example'),
    body_example: z.unknown().optional(),
    route: text('route'),
    routes: z.array(z.string(), { error: 'routes must be an array of strings' }).optional(),
    config: object('config'),
    env: object('env'),
  })
  .prefault({});
export type CreateBody = z.output<typeof CreateBody>;

/** A function that does not exist yet. */
export interface NewFunction {
  readonly runtime: CreatableRuntime;
  /** Absolute, symlinks resolved. */
  readonly dir: string;
  /** Name of the handler's file. */
  readonly filename: string;
  readonly config: NewConfig['config'];
  readonly files: readonly NewFile[];
}

export function planFunction(platform: Platform, target: TargetQuery, body: CreateBody): NewFunction {
  const { functionsRoot } = platform.config;
  const runtime = requireRuntime(platform, target, body);
  const filename = requireFilename(runtime, body);
  const isGrouped = isFolder(join(functionsRoot, runtime));
  requireName(target.name);
  const path = [isGrouped ? runtime : '', target.name, target.version === 'default' ? '' : target.version];
  const dir = requireInsideRoot(functionsRoot, join(functionsRoot, ...path));
  const { content, config } = makeConfig(body, isGrouped ? target.name : null);
  if (config.entrypoint && config.entrypoint !== filename) {
    throw new Problem(400, 'invalid entrypoint', { detail: `the handler's file is ${filename}` });
  }
  requireFreeRoutes(
    platform.discovery.routes,
    (config.invoke?.routes ?? [`/${target.name}`]).map((route) => ({
      path: route,
      methods: config.invoke?.methods ?? ['GET'],
      hosts: config.invoke?.allow_hosts ?? [],
    })),
  );
  const files = [
    { name: filename, content: body.code ?? minimalHandler(runtime, filename) },
    { name: CONFIG_FILE, content: toJson(content) },
    ...makeEnv(platform, secretFileOf(functionsRoot, dir), body.env),
  ];
  return { runtime, dir, filename, config, files };
}

function requireRuntime({ config }: Platform, target: TargetQuery, { filename }: CreateBody): CreatableRuntime {
  const runtime = target.runtime ?? (filename === undefined ? undefined : runtimeOf(filename));
  const known = Object.keys(DEFAULT_HANDLER).filter((name) => (config.runtimes as readonly string[]).includes(name));
  if (runtime !== undefined && known.includes(runtime)) return runtime as CreatableRuntime;
  throw new Problem(400, 'invalid runtime', { detail: `one of ${known.join(', ')}` });
}

function requireFilename(runtime: CreatableRuntime, { filename }: CreateBody): string {
  const name = filename ?? DEFAULT_HANDLER[runtime];
  if (makesFunctionFolder(name, runtime)) return name;
  throw new Problem(400, 'invalid filename', {
    detail: `a handler in ${runtime} is called like ${DEFAULT_HANDLER[runtime]}`,
  });
}

/** A name that discovery would leave out is no name for a function (F10, F20, F28). */
function requireName(name: string): void {
  const steps = name.split('/');
  if (FOLDER_NAME.test(name) && !steps.some(isNeverScanned) && !isReserved([{ kind: 'static', text: steps[0]! }]))
    return;
  throw new Problem(400, 'invalid function', {
    detail: 'a new function is a folder: letters, digits, "-" and "_", joined by "/"',
  });
}

/** A grouped function is called by its name, without the folder of its language (F31). */
function makeConfig(body: CreateBody, name: string | null): NewConfig {
  const routes = body.routes ?? (body.route === undefined ? undefined : [body.route]);
  const invoke = {
    methods: body.methods ?? ['GET'],
    summary: body.summary,
    query: body.query_example,
    body: body.body_example,
    routes,
  };
  const given = Object.fromEntries(Object.entries(invoke).filter(([, value]) => value != null));
  const { content } = applyConfigChange({}, { ...(name !== null && { name }), invoke: given });
  return applyConfigChange(content, body.config ?? {});
}

function makeEnv({ config }: Platform, file: string, env: JsonObject | undefined): readonly NewFile[] {
  if (env === undefined || Object.keys(env).length === 0) return [];
  const merge = mergeEnv({}, env, sealerFor(keyringOf(config.secretsKey), file));
  if ('content' in merge) return [{ name: ENV_FILE, content: toJson(merge.content), mode: 0o600 }];
  throw new Problem(400, 'invalid environment', { detail: merge.problems[0], members: { problems: merge.problems } });
}

function toJson(content: JsonObject): string {
  return `${JSON.stringify(content, null, 2)}\n`;
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}
