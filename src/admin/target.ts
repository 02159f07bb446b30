import { join } from 'node:path';
import * as z from 'zod';
import { type FunctionDefinition, RUNTIMES, type Runtime } from '../functions/types.ts';
import { requireInsideRoot } from './inside-root.ts';
import type { FunctionStatus, Platform } from './platform.ts';
import { Problem } from './problem.ts';

const MAX_NAME = 200; // characters (P162)
const MAX_SEGMENTS = 8;
const NAME = /^[A-Za-z0-9_-]+(?:\/[A-Za-z0-9_-]+)*$/;
const FILE_TARGET = /^[A-Za-z0-9_./[\]-]+$/;
const VERSION = /^[A-Za-z0-9_.-]{1,64}$/;
/** The version that a request without one means. */
export const DEFAULT_VERSION = 'default';

const runtime = z
  .string({ error: 'invalid runtime' })
  .refine((text) => text === '' || (RUNTIMES as readonly string[]).includes(text), { error: 'invalid runtime' })
  .transform((text) => (text === '' ? undefined : (text as Runtime)))
  .optional();

const name = z.string({ error: 'invalid function' }).refine(isName, { error: 'invalid function' });

/** A version's name; empty where none is given. */
const versionName = z
  .string({ error: 'invalid version' })
  .refine((text) => text === '' || isVersion(text), { error: 'invalid version' });

const version = versionName.transform((text) => text || DEFAULT_VERSION).default(DEFAULT_VERSION);

/** Parameters that name one function (P162); members that are not listed are ignored. */
export const TargetQuery = z.object({ runtime, name, version });
export type TargetQuery = z.output<typeof TargetQuery>;

/** The same where the function may be left out: without `name` all functions are meant. */
export const OptionalTargetQuery = z.object({ runtime, name: name.optional(), version });

/** Parameters that choose among what belongs to functions: what is empty or left out does not matter. */
export const TargetFilter = z.object({
  runtime,
  fn: name
    .or(z.literal('', { error: 'invalid function' }))
    .optional()
    .transform(absentIfEmpty),
  version: versionName.optional().transform(absentIfEmpty),
});

function absentIfEmpty(text: string | undefined): string | undefined {
  return text || undefined;
}

/** A function's name, or the path of a single-file function below the functions root (P162, F26). */
function isName(text: string): boolean {
  if (text.length > MAX_NAME) return false;
  if (NAME.test(text)) return text.split('/').length <= MAX_SEGMENTS;
  return FILE_TARGET.test(text) && isPlainPath(text);
}

/** `[...slug]` holds dots that lead nowhere; any other `..` would lead out. */
function isPlainPath(text: string): boolean {
  return !text.replaceAll('[...', '[').includes('..') && !text.includes('//') && !text.startsWith('/');
}

function isVersion(text: string): boolean {
  return VERSION.test(text) && text !== '.' && text !== '..';
}

/**
 * The function that a request means (P162). 409 `ambiguous function` when several match, 404 `function not found` when none
 * does, 400 `path escapes the functions root` when its file, or what lies at its name, is a symlink out of the root.
 */
export function resolveTarget(platform: Platform, target: TargetQuery): FunctionStatus {
  const { functionsRoot } = platform.config;
  const found = findFunctions(platform.functions(), target);
  const [first, ...others] = found;
  if (first === undefined) {
    requireInsideRoot(functionsRoot, join(functionsRoot, target.name));
    throw new Problem(404, 'function not found');
  }
  if (others.length > 0) throw ambiguous(found);
  requireInsideRoot(functionsRoot, first.definition.entry);
  return first;
}

/** Whoever has the name itself comes before single files that have it without their extension (F26). */
function findFunctions(functions: readonly FunctionStatus[], target: TargetQuery): readonly FunctionStatus[] {
  const eligible = functions.filter(
    ({ definition }) =>
      definition.version === target.version && (target.runtime === undefined || definition.runtime === target.runtime),
  );
  const exact = eligible.filter(({ definition }) => definition.name === target.name);
  if (exact.length > 0) return exact;
  return eligible.filter(({ definition }) => shortNames(definition).includes(target.name));
}

/** `users/[id]` for users/[id].ts, `hello` for python/hello (F26). */
function shortNames({ kind, name, runtime }: FunctionDefinition): readonly string[] {
  const withoutExtension = kind === 'file' ? [name.replace(/\.[a-z]+$/, '')] : [];
  const withoutRuntime = name.startsWith(`${runtime}/`) ? [name.slice(runtime.length + 1)] : [];
  return [...withoutExtension, ...withoutRuntime];
}

function ambiguous(found: readonly FunctionStatus[]): Problem {
  const candidates = found.map(({ definition: { runtime, name, version } }) => ({ runtime, name, version }));
  return new Problem(409, 'ambiguous function', {
    detail: 'add runtime, or the name in full',
    members: { candidates },
  });
}
