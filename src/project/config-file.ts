import { readFile, stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { ConfigError } from './config-error.ts';
import { JsonSyntaxError, parseJson } from './json.ts';
import { didYouMean, isObject, quote, show } from './kinds.ts';
import { ALL_SETTINGS } from './settings.ts';

/** What fastfn.json says: raw values by setting name, not yet checked against their kinds. */
export interface ConfigFile {
  /** Absolute path; null when there is none. */
  readonly path: string | null;
  /** How messages name it. */
  readonly name: string;
  readonly values: ReadonlyMap<string, unknown>;
  readonly problems: readonly string[];
  readonly notes: readonly string[];
}

const FILE_SETTINGS = Object.keys(ALL_SETTINGS).filter((name) => ALL_SETTINGS[name]!.inFile);
/** Keys that hold an object of settings, like `limits`. */
const SECTIONS = new Set(FILE_SETTINGS.filter((name) => name.includes('.')).map((name) => name.split('.')[0]!));
const SECRETS = Object.entries(ALL_SETTINGS).filter(([, setting]) => setting.secret);
/** Nested spellings of older setups that the rule "join with a dash" does not find. */
const RENAMED: Readonly<Record<string, string>> = { 'swagger.include-admin': 'openapi-include-internal' };

/** Finds and reads the project's configuration (P36, P37); a given `file` must exist. */
export async function readConfigFile(cwd: string, file: string | undefined): Promise<ConfigFile> {
  const path = resolve(cwd, file ?? 'fastfn.json');
  if (path.endsWith('.toml')) throw new ConfigError([`${file}: TOML is not read; write the same keys to fastfn.json`]);
  const name = file ?? 'fastfn.json';
  const source = await readOptional(path, name, file !== undefined);
  if (source === null) return { path: null, name, values: new Map(), problems: [], notes: await tomlNote(cwd) };
  return { path, name, ...interpret(source, name) };
}

async function readOptional(path: string, name: string, isRequired: boolean): Promise<string | null> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' && !isRequired) return null;
    throw new ConfigError([`${name}: ${code === 'ENOENT' ? 'no such file' : `cannot be read (${message})`}`]);
  }
}

async function tomlNote(cwd: string): Promise<string[]> {
  const exists = await stat(resolve(cwd, 'fastfn.toml')).then(
    () => true,
    () => false,
  );
  return exists ? ['fastfn.toml is not read; write the same keys to fastfn.json'] : [];
}

function interpret(source: string, name: string): Pick<ConfigFile, 'values' | 'problems' | 'notes'> {
  const findings = new Findings(name);
  try {
    const { value, duplicates } = parseJson(source);
    for (const { path, at, first } of duplicates) {
      findings.problem(path, `duplicate key at line ${at.line}, column ${at.column} (first at line ${first.line})`);
    }
    if (isObject(value)) readSection('', value, findings);
    else findings.problems.push(`${name}: must hold an object, not ${show(value)}`);
  } catch (error) {
    if (!(error instanceof JsonSyntaxError)) throw error;
    findings.problems.push(`${name}: line ${error.at.line}, column ${error.at.column}: ${error.message}`);
  }
  return findings;
}

/** Collects values and remarks while the document is walked. */
class Findings {
  readonly values = new Map<string, unknown>();
  readonly problems: string[] = [];
  readonly notes: string[] = [];
  readonly name: string;

  constructor(name: string) {
    this.name = name;
  }

  problem(path: string, problem: string): void {
    this.problems.push(`${this.name}: ${path === '' ? '' : `${path}: `}${problem}`);
  }
}

function readSection(section: string, members: Record<string, unknown>, findings: Findings): void {
  const spelledBy = new Map<string, string>();
  for (const [given, value] of Object.entries(members)) {
    if (section === '' && given === '$schema') continue;
    const key = kebabCase(given);
    const name = section === '' ? key : `${section}.${key}`;
    if (!FILE_SETTINGS.includes(name) && !(section === '' && SECTIONS.has(key))) {
      reportUnknown(section, given, value, findings);
      continue;
    }
    const earlier = spelledBy.get(key);
    if (earlier !== undefined) findings.problem(name, `given twice (${quote(earlier)} and ${quote(given)})`);
    else if (given !== key) findings.notes.push(`${findings.name}: ${quote(given)} is read as ${quote(key)}`);
    spelledBy.set(key, given);
    readMember(name, value, findings);
  }
}

function readMember(name: string, value: unknown, findings: Findings): void {
  if (FILE_SETTINGS.includes(name)) findings.values.set(name, value);
  else if (isObject(value)) readSection(name, value, findings);
  else findings.problem(name, `must be an object, not ${show(value)}`);
}

/** A key that is not a setting: a secret (P38), an old nested form, or a typing mistake (P37). */
function reportUnknown(section: string, given: string, value: unknown, findings: Findings): void {
  const path = section === '' ? given : `${section}.${given}`;
  const secret = SECRETS.find(([name]) => matchesSecret(name, kebabCase(path)));
  if (secret) {
    const variable = secret[1].env[0];
    findings.problem(path, `secrets do not belong in this file; set ${variable} or ${variable}_FILE`);
    return;
  }
  const renamed = renamedKeys(kebabCase(path), value);
  for (const [old, replacement] of renamed)
    findings.problem(old, `no longer nested; write ${quote(replacement)} instead`);
  if (renamed.length === 0)
    findings.problem(section, `unknown key ${quote(given)}${didYouMean(given, siblings(section))}`);
}

/** `console.login-password` is meant by its whole name, by `login-password` and by `password`. */
function matchesSecret(secret: string, path: string): boolean {
  const word = path.slice(path.lastIndexOf('.') + 1);
  const bare = secret.slice(secret.lastIndexOf('.') + 1);
  return word === bare || bare === `login-${word}`;
}

/** Members of the old form `{"runtime": {"daemons": …}}`, also written as one key with a dot, and their replacements. */
function renamedKeys(path: string, value: unknown): [old: string, replacement: string][] {
  const olds = isObject(value) ? Object.keys(value).map((key) => `${path}.${kebabCase(key)}`) : [path];
  return olds
    .filter((old) => old.includes('.'))
    .map((old): [string, string] => [old, RENAMED[old] ?? old.replaceAll('.', '-')])
    .filter(([, replacement]) => FILE_SETTINGS.includes(replacement));
}

function siblings(section: string): string[] {
  if (section === '') return [...FILE_SETTINGS.filter((name) => !name.includes('.')), ...SECTIONS];
  const prefix = `${section}.`;
  return FILE_SETTINGS.filter((name) => name.startsWith(prefix)).map((name) => name.slice(prefix.length));
}

/** `functionsDir` and `functions_dir` are spellings of `functions-dir` (P37). */
function kebabCase(key: string): string {
  return key.replaceAll(/(?<=[a-z0-9])[A-Z]/g, (letter) => `-${letter.toLowerCase()}`).replaceAll('_', '-');
}
