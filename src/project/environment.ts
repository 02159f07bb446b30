import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { parse } from 'dotenv';
import { ConfigError } from './config-error.ts';
import { didYouMean } from './kinds.ts';
import { RETIRED_VARIABLES } from './later-settings.ts';
import { variablesOf } from './setting.ts';
import { ALL_SETTINGS, BINARY_VARIABLES } from './settings.ts';

export interface Variable {
  readonly value: string;
  readonly source: 'environment' | 'env-file';
}

/** Variables of the process over those of the `.env` files (P33). */
export class Environment {
  readonly #real: NodeJS.ProcessEnv;
  readonly #files: Readonly<Record<string, string>>;

  constructor(real: NodeJS.ProcessEnv, files: Readonly<Record<string, string>>) {
    this.#real = real;
    this.#files = files;
  }

  /** A variable with a value; an empty one counts as not set (P34). */
  get(name: string): Variable | undefined {
    const real = this.#real[name];
    const value = real ?? this.#files[name];
    if (value === undefined || value === '') return undefined;
    return { value, source: real === undefined ? 'env-file' : 'environment' };
  }

  all(): Record<string, string> {
    const merged: Record<string, string | undefined> = { ...this.#files, ...this.#real };
    return merged as Record<string, string>;
  }
}

/** Reads `.env`, `.env.local` (dev only) and the given files, later ones over earlier ones. */
export async function readEnvironment(options: {
  readonly command: 'dev' | 'run';
  readonly projectDir: string;
  readonly cwd: string;
  readonly files: readonly string[];
  readonly real: NodeJS.ProcessEnv;
}): Promise<Environment> {
  const standard = options.command === 'dev' ? ['.env', '.env.local'] : ['.env'];
  const sources = await Promise.all([
    ...standard.map((name) => readEnvFile(join(options.projectDir, name), name, false)),
    ...options.files.map((name) => readEnvFile(resolve(options.cwd, name), name, true)),
  ]);
  return new Environment(options.real, Object.assign({}, ...sources));
}

async function readEnvFile(path: string, name: string, isRequired: boolean): Promise<Record<string, string>> {
  try {
    return parse(await readFile(path));
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' && !isRequired) return {};
    throw new ConfigError([`${name}: ${code === 'ENOENT' ? 'no such file' : `cannot be read (${message})`}`]);
  }
}

/** The platform's own secrets, and where they are read from. */
export const SECRET_VARIABLES: ReadonlySet<string> = new Set(
  Object.values(ALL_SETTINGS).flatMap((entry) => (entry.secret ? variablesOf(entry) : [])),
);

const KNOWN_VARIABLES: ReadonlySet<string> = new Set([
  ...Object.values(ALL_SETTINGS).flatMap(variablesOf),
  ...BINARY_VARIABLES.keys(),
]);

/** Remarks on FN_* names that nothing reads (P35) and on those of older setups. */
export function remarkOnVariables(names: readonly string[]): string[] {
  return names
    .filter((name) => name.startsWith('FN_') && !KNOWN_VARIABLES.has(name))
    .sort()
    .map((name) => {
      const retired = RETIRED_VARIABLES.find(([pattern]) => pattern.test(name));
      if (!retired) return `unknown variable ${name}${didYouMean(name, [...KNOWN_VARIABLES]).replaceAll('"', '')}`;
      return `${name} has no effect here${retired[1] === null ? '' : `; use ${retired[1]}`}`;
    });
}
