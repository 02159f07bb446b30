import { dirname, join } from 'node:path';
import type { ProjectProblem } from '../admin/platform.ts';
import { CONFIG_FILE, ENV_FILE } from '../functions/platform-files.ts';
import { secretNames } from '../functions/security.ts';
import type { Discovery, FunctionDefinition } from '../functions/types.ts';
import { describeFailure } from './load-failure.ts';

export type FunctionProblemKind = 'load' | 'install' | 'runtime';

/**
 * What is wrong with the project now (P174), and since when: what discovery says, and what became of each function. A problem
 * that is reported again keeps its time; a mended one is gone.
 */
export class ProblemStore {
  readonly #functionsRoot: string;
  #discovered: ReadonlyMap<string, ProjectProblem> = new Map();
  /** By function key, then kind. */
  readonly #failed = new Map<string, Map<FunctionProblemKind, ProjectProblem>>();

  constructor(functionsRoot: string) {
    this.#functionsRoot = functionsRoot;
  }

  /** All of them, those of discovery first. */
  get all(): readonly ProjectProblem[] {
    return [...this.#discovered.values(), ...[...this.#failed.values()].flatMap((kinds) => [...kinds.values()])];
  }

  /** Takes what a reading of the functions root found; what it does not find any more is mended. */
  discovered({ problems, functions }: Discovery): void {
    const keys = functionsByFile(functions);
    const former = this.#discovered;
    this.#discovered = new Map(
      problems.map((problem) => {
        const { severity, kind, path, message, hint } = problem;
        const id = JSON.stringify(problem);
        const line = /^line (\d+)/.exec(message)?.[1];
        return [
          id,
          {
            severity,
            kind,
            function: keys.get(path) ?? null,
            file: path,
            line: line === undefined ? null : Number(line),
            message,
            hint: hint ?? null,
            since: former.get(id)?.since ?? Date.now(),
          },
        ];
      }),
    );
  }

  /** A function, or its newest version, does not run because of `failure`. */
  report(definition: FunctionDefinition, kind: FunctionProblemKind, failure: unknown): void {
    const { key, env } = definition;
    const secrets = secretNames(definition).map((name) => env.values[name] ?? '');
    const kinds = this.#failed.get(key) ?? new Map<FunctionProblemKind, ProjectProblem>();
    this.#failed.set(key, kinds);
    const { message, file, line } = describeFailure(failure, secrets, this.#functionsRoot);
    const former = kinds.get(kind);
    kinds.set(kind, {
      severity: 'error',
      kind,
      function: key,
      file: file ?? definition.file,
      line: line ?? null,
      message,
      hint: null,
      since: former?.message === message ? former.since : Date.now(),
    });
  }

  mend(functionKey: string, kind: FunctionProblemKind): void {
    const kinds = this.#failed.get(functionKey);
    if (kinds?.delete(kind) && kinds.size === 0) this.#failed.delete(functionKey);
  }

  /** The function is gone. */
  forget(functionKey: string): void {
    this.#failed.delete(functionKey);
  }
}

/** Function keys by the files that are theirs alone: the handler, and the platform's files beside the folder's only one. */
function functionsByFile(functions: readonly FunctionDefinition[]): ReadonlyMap<string, string | null> {
  const keys = new Map<string, string | null>();
  for (const { key, file } of functions) {
    keys.set(file, key);
    for (const name of [CONFIG_FILE, ENV_FILE]) {
      const path = join(dirname(file), name);
      keys.set(path, keys.has(path) ? null : key);
    }
  }
  return keys;
}
