import type { ProcessRuntime } from '../functions/types.ts';

/** A program that works. */
export interface FoundProgram {
  /** Absolute path to start it with. */
  readonly path: string;
  readonly version: string;
}

/** A program that is missing or does not work, in words for the user. */
export interface MissingProgram {
  readonly problem: string;
  readonly hint: string;
  /** A setting names it, so it is an error even where nothing needs it (section 1.4, FN_*_BIN). */
  readonly configured: boolean;
}

export type Program = FoundProgram | MissingProgram;

/** An nginx that loads Lua and the libraries of the gateway (P43). */
export interface FoundNginx extends FoundProgram {
  readonly flavor: 'openresty' | 'nginx';
  /** Paths for `load_module` lines, in order; empty where Lua is compiled in. */
  readonly modules: readonly string[];
  /** ngx_http_lua's version, like `0.10.23`. */
  readonly luaVersion: string;
}

/** The nginx that came closest, and whether only a Lua library keeps it from working. */
export interface MissingNginx extends MissingProgram {
  readonly lacksLibrary: boolean;
}

/** What this machine offers to native mode. A runtime that is not enabled is null. */
export interface NativePrerequisites {
  readonly nginx: FoundNginx | MissingNginx;
  readonly node: Program | null;
  readonly npm: Program | null;
  readonly python: Program | null;
  /** pip of that Python; its path is the interpreter (`python -m pip`). */
  readonly pip: Program | null;
  readonly php: Program | null;
  readonly composer: Program | null;
}

/** The tool that installs the dependencies of a runtime's functions (P48). */
export const INSTALL_TOOLS = { node: 'npm', python: 'pip', php: 'composer' } as const satisfies Record<
  ProcessRuntime,
  string
>;

export function isMissing<T extends Program>(program: T): program is Extract<T, MissingProgram> {
  return 'problem' in program;
}
