import { describeIssue, flattenIssues, type Issue, knownKeys } from './config-issues.ts';
import { type FunctionConfig, functionConfigSchema } from './config-schema.ts';
import { normaliseSpelling } from './config-spelling.ts';
import { METHODS } from './file-names.ts';
import {
  type FileProblem,
  getAt,
  isObject,
  type JsonObject,
  type JsonPath,
  readJsonObject,
  show,
} from './json-value.ts';
import { nearest } from './nearest.ts';

/** What a fn.config.json says. Where `isValid` is false, `config` holds the members that could be read. */
export interface ParsedConfig {
  readonly config: FunctionConfig;
  readonly isValid: boolean;
  readonly problems: readonly FileProblem[];
}

/** Blocks in which an unknown key is an error: a misspelt guard must not be a missing one (F118). */
const STRICT_BLOCKS: ReadonlySet<PropertyKey> = new Set(['auth', 'cors', 'rate_limit', 'edge']);
/** Top-level keys that a misspelling may not switch off, and how near it must be (F118). */
const GUARDED_KEYS: ReadonlySet<string> = new Set([...(STRICT_BLOCKS as Set<string>), 'invoke', 'strict_fs']);
const GUARDED_DISTANCE = 2;
/** Blocks whose members stand on their own, so that a bad member does not hide the others. */
const MERGED_BLOCKS: ReadonlySet<PropertyKey> = new Set(['invoke', 'response']);
const FREE_KEY = /^(?:\$schema|version|note|description|comment|_.*|x-.*)$/;
const NUMERIC = /^\s*-?\d+(?:\.\d+)?\s*$/;

/** A problem of a configuration and the member that it is about. */
export interface ConfigFinding extends FileProblem {
  /** Path of the member, like `invoke.routes.0`. */
  readonly key: string;
  /** The member, or an entry of it, has no effect: nothing of this name is known. */
  readonly isIgnored: boolean;
}

export interface InspectedConfig {
  readonly config: FunctionConfig;
  readonly findings: readonly ConfigFinding[];
}

/** Reads fn.config.json (F117, F118). */
export function parseFunctionConfig(text: string): ParsedConfig {
  const json = readJsonObject(text);
  if ('problem' in json) {
    return { config: {}, isValid: false, problems: [{ severity: 'error', message: json.problem }] };
  }
  const { config, findings } = new ConfigReader(normaliseSpelling(json.value)).read();
  const problems = findings.map(({ key: _, isIgnored: __, ...problem }) => problem);
  return { config, isValid: problems.every(({ severity }) => severity !== 'error'), problems };
}

/** A configuration that is not written yet: what can be read of it, and all that is wrong with it. */
export function inspectConfig(json: JsonObject): InspectedConfig {
  return new ConfigReader(normaliseSpelling(json)).read();
}

/**
 * Validates the whole, then mends or takes out what was refused and validates again, so that every problem is listed
 * and the rest is still understood.
 */
class ConfigReader {
  readonly #json: JsonObject;
  readonly #findings: ConfigFinding[] = [];
  readonly #removed = new Set<string>();

  constructor(json: JsonObject) {
    this.#json = json;
  }

  read(): InspectedConfig {
    for (;;) {
      const result = functionConfigSchema.safeParse(this.#json, { error: describeIssue });
      if (result.success) return { config: result.data, findings: this.#findings };
      // A member that two issues name is mended or taken out once; what is then left shows in the next round.
      for (const issue of flattenIssues(result.error.issues)) this.#resolve(issue);
    }
  }

  #resolve(issue: Issue): void {
    if (issue.code === 'unrecognized_keys') {
      for (const key of issue.keys) this.#dropUnknownKey(issue.path, key);
    } else if (!this.#readNumericString(issue) && !this.#dropUnknownMethods(issue)) {
      this.#refuse(issue);
    }
  }

  #dropUnknownKey(path: JsonPath, key: string): void {
    const block = getAt(this.#json, path);
    if (!isObject(block) || !(key in block)) return;
    delete block[key];
    if (FREE_KEY.test(key)) return;
    const known = knownKeys(functionConfigSchema, path);
    const offered = nearest(key, known);
    const guarded = path.length === 0 ? nearest(key, known, GUARDED_DISTANCE) : undefined;
    const isError = STRICT_BLOCKS.has(path[0]!) || (guarded !== undefined && GUARDED_KEYS.has(guarded));
    const member = [...path, key].join('.');
    this.#report({
      severity: isError ? 'error' : 'warning',
      key: member,
      isIgnored: true,
      message: `unknown key "${member}"`,
      ...(offered && { hint: `did you mean "${offered}"?` }),
    });
  }

  #readNumericString(issue: Issue): boolean {
    const text = getAt(this.#json, issue.path);
    if (issue.code !== 'invalid_type' || !/^(?:number|int)/.test(issue.expected)) return false;
    if (typeof text !== 'string' || !NUMERIC.test(text)) return false;
    const parent = getAt(this.#json, issue.path.slice(0, -1)) as JsonObject;
    parent[String(issue.path.at(-1))] = Number(text);
    this.#reportAt('warning', issue.path, `the string ${show(text)} is taken as a number`);
    return true;
  }

  /** `invoke.methods` needs one valid method; the others are left out with a warning. */
  #dropUnknownMethods(issue: Issue): boolean {
    if (issue.path[0] !== 'invoke' || issue.path[1] !== 'methods' || issue.path.length < 3) return false;
    const methods = getAt(this.#json, ['invoke', 'methods']);
    const given: unknown[] = typeof methods === 'string' ? methods.split(',') : Array.isArray(methods) ? methods : [];
    const [known, unknown] = partition(given, isMethod);
    if (known.length === 0) return false;
    if (unknown.length === 0) return true; // an issue before this one has left them out
    (this.#json.invoke as JsonObject).methods = known;
    const text = `${unknown.map(show).join(', ')} is not one of ${METHODS.join(', ')}`;
    this.#reportAt('warning', ['invoke', 'methods'], text, true);
    return true;
  }

  #refuse(issue: Issue): void {
    const value = getAt(this.#json, issue.path);
    // What stands in `auth` may be a secret in the wrong place.
    const got = value === undefined || issue.path[0] === 'auth' ? '' : `, got ${show(value)}`;
    this.#reportAt('error', issue.path, `${issue.message}${got}`);
    this.#remove(issue.path.slice(0, MERGED_BLOCKS.has(issue.path[0]!) ? 2 : 1).map(String));
  }

  /** Takes a member out once, however many issues name it; its block goes if the member is what it lacks. */
  #remove([block, member]: readonly string[]): void {
    const name = `${block}.${member}`;
    if (this.#removed.has(name)) return;
    this.#removed.add(name);
    const holder = member === undefined ? undefined : this.#json[block!];
    if (isObject(holder) && Object.hasOwn(holder, member!)) delete holder[member!];
    else delete this.#json[block!];
  }

  #reportAt(severity: FileProblem['severity'], path: JsonPath, text: string, isIgnored = false): void {
    const key = path.join('.');
    this.#report({ severity, key, isIgnored, message: `${key}: ${text}` });
  }

  #report(finding: ConfigFinding): void {
    this.#findings.push(finding);
  }
}

function isMethod(value: unknown): boolean {
  return typeof value === 'string' && (METHODS as readonly string[]).includes(value.trim().toUpperCase());
}

function partition<T>(values: readonly T[], test: (value: T) => boolean): [T[], T[]] {
  return [values.filter(test), values.filter((value) => !test(value))];
}
