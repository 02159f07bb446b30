import type { Kind } from './kinds.ts';

/** What a default may depend on (P27). */
export interface DefaultContext {
  readonly command: 'dev' | 'run';
  readonly isTerminal: boolean;
  readonly cpus: number;
}

/** One fact an operator may decide, and every place where it can be said (P32). Its name is its path in fastfn.json. */
export interface Setting<T> {
  readonly kind: Kind<T>;
  readonly default: T | ((context: DefaultContext) => T);
  /** The default in words, where it is computed. */
  readonly defaultText?: string;
  /** Whether fastfn.json may hold it. */
  readonly inFile: boolean;
  /** Variables, the first that is set wins. */
  readonly env: readonly string[];
  /** In commander's notation; per command where the word differs or one command lacks it. */
  readonly flag?: string | { readonly dev?: string; readonly run?: string };
  /** Value of a flag whose value may be left out. */
  readonly flagDefault?: T;
  /** Never printed; refused in fastfn.json (P38); each variable also has a `*_FILE` variant. */
  readonly secret?: boolean;
  /** Read and checked, but what it steers is not part of this version. */
  readonly later?: boolean;
  /** One line. */
  readonly help: string;
}

type Options<T> = Partial<Omit<Setting<T>, 'kind' | 'default' | 'help'>>;

export function setting<T>(
  kind: Kind<T>,
  defaultValue: Setting<T>['default'],
  help: string,
  options: Options<T> = {},
): Setting<T> {
  return { kind, default: defaultValue, inFile: false, env: [], help, ...options };
}

/** A setting that has no value unless somebody gives one. */
export function optional<T>(kind: Kind<T>, help: string, options: Options<T | null> = {}): Setting<T | null> {
  return setting<T | null>(kind as Kind<T | null>, null, help, { defaultText: 'none', ...options });
}

/** The same settings, marked as not yet effective. */
export function later<S extends Record<string, Setting<unknown>>>(settings: S): S {
  return Object.fromEntries(Object.entries(settings).map(([name, entry]) => [name, { ...entry, later: true }])) as S;
}

export function defaultOf<T>(entry: Setting<T>, context: DefaultContext): T {
  return typeof entry.default === 'function'
    ? (entry.default as (context: DefaultContext) => T)(context)
    : entry.default;
}

/** Every variable that may hold a setting, `*_FILE` variants included. */
export function variablesOf({ env, secret }: Setting<unknown>): string[] {
  return secret ? env.flatMap((name) => [name, `${name}_FILE`]) : [...env];
}

/** The flag of a setting under a command, or undefined. */
export function flagOf(entry: Setting<unknown>, command: 'dev' | 'run'): string | undefined {
  return typeof entry.flag === 'object' ? entry.flag[command] : entry.flag;
}
