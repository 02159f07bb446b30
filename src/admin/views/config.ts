import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { HIDDEN } from '../../functions/env-file.ts';
import { isObject, type JsonObject, readJsonObject } from '../../functions/json-value.ts';
import { CONFIG_FILE } from '../../functions/platform-files.ts';
import type { FunctionDefinition } from '../../functions/types.ts';
import { readTextInside } from '../own-files.ts';

/** A function's own fn.config.json, as it lies on disk. */
export interface OwnConfig {
  readonly exists: boolean;
  /** Its members, without secrets; `{}` where there is none or it does not parse. */
  readonly config: JsonObject;
}

/** Reads the fn.config.json of a function's folder for showing: what could open the function is `<hidden>` (P163). */
export async function readOwnConfig(
  { dir }: Pick<FunctionDefinition, 'dir'>,
  functionsRoot: string,
): Promise<OwnConfig> {
  const text = await readTextInside(functionsRoot, join(dir, CONFIG_FILE));
  if (text === null) return { exists: false, config: {} };
  const json = readJsonObject(text);
  return { exists: true, config: 'value' in json ? hideSecrets(json.value) : {} };
}

/** The text of a fn.config.json for showing: as it lies on disk, unless it holds secrets. null: nobody can tell, it does not parse. */
export function shownConfig(text: string): string | null {
  const json = readJsonObject(text);
  if (!('value' in json)) return null;
  const shown = hideSecrets(json.value);
  return isDeepStrictEqual(shown, json.value) ? text : `${JSON.stringify(shown, null, 2)}\n`;
}

/** Members that hold key material, whatever block they stand in. */
const SECRET_MEMBER = /^(?:sha256|secret|password|passwd|token|client_secret|private_key|k|d|p|q|dp|dq|qi|oth)$/;
const CREDENTIALS_IN_URL = /(\w:\/\/)[^/?#\s]+@/g; // to the last @: a password may hold one

export function hideSecrets(config: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(config).map(([name, value]) => [name, hideInside(value, name === 'auth')]));
}

/** A text in which URLs show no user and password. */
export function hideCredentials(text: string): string {
  return text.replace(CREDENTIALS_IN_URL, `$1${HIDDEN}@`);
}

function hideInside(value: unknown, isAuth: boolean): unknown {
  if (typeof value === 'string') return hideCredentials(value);
  if (Array.isArray(value)) return value.map((item) => hideInside(item, isAuth));
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, item]) => [
      name,
      isAuth && SECRET_MEMBER.test(name) ? HIDDEN : hideInside(item, isAuth),
    ]),
  );
}
