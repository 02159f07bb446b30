import { readdirSync } from 'node:fs';
import type { ConfigFinding } from '../functions/config.ts';
import { changeConfig } from '../functions/config-change.ts';
import type { FunctionConfig } from '../functions/config-schema.ts';
import { makesFunctionFolder } from '../functions/entries.ts';
import { readEntrypoint } from '../functions/entrypoint.ts';
import { findMismatch } from '../functions/folder-context.ts';
import { isObject, type JsonObject } from '../functions/json-value.ts';
import type { Runtime } from '../functions/types.ts';
import { Problem } from './problem.ts';

/** A fn.config.json that may be written, and what it says. */
export interface NewConfig {
  readonly content: JsonObject;
  readonly config: FunctionConfig;
}

/** A fn.config.json after a change (P212); 400 with the path of the bad member and all reasons if it would be invalid. */
export function applyConfigChange(current: JsonObject, change: unknown): NewConfig {
  if (!isObject(change)) throw new Problem(400, 'invalid request', { detail: 'the configuration must be an object' });
  const result = changeConfig(current, change);
  if ('problems' in result) throw refusal(result.problems);
  return result;
}

/** Refuses what is valid by itself but not for a function in this language and folder (F24, F66, F109). */
export function requireUsable(config: FunctionConfig, runtime: Runtime, dir: string): void {
  const { entrypoint, runtime: declared, invoke } = config;
  const entry = entrypoint ? readEntrypoint(dir, entrypoint) : null;
  if (entry && 'problem' in entry) throw refusalOf('entrypoint', entry.problem);
  const language = entry?.runtime ?? runtime;
  if (declared && declared !== language && (entry || !hasEntry(dir, declared))) {
    throw refusalOf('runtime', `runtime is "${declared}", but the function is written in ${language}`);
  }
  const use = { adapter: invoke?.adapter ?? 'native', handler: invoke?.handler || 'handler' } as const;
  const mismatch = findMismatch(use, declared ?? language);
  if (mismatch !== null) throw refusalOf(use.adapter === 'native' ? 'invoke.handler' : 'invoke.adapter', mismatch);
}

function hasEntry(dir: string, runtime: Runtime): boolean {
  return readdirSync(dir).some((name) => makesFunctionFolder(name, runtime));
}

function refusalOf(key: string, message: string): Problem {
  return refusal([{ severity: 'error', key, isIgnored: false, message }]);
}

function refusal(findings: readonly [ConfigFinding, ...ConfigFinding[]]): Problem {
  const [{ key, message, hint }] = findings;
  const isUnknown = message.startsWith('unknown key');
  return new Problem(400, isUnknown ? message : `invalid ${key}`, {
    detail: isUnknown ? hint : message,
    members: { path: key, problems: findings.map((finding) => ({ path: finding.key, message: finding.message })) },
  });
}
