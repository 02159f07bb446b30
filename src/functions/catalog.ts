import { compareText } from './compare.ts';
import type { Draft, FolderResult } from './describe-folder.ts';
import { functionKey } from './folder-context.ts';
import { type Claim, compileRoutes } from './routes.ts';
import type { Discovery, DiscoveryProblem, FunctionDefinition, RouteConflict, Runtime } from './types.ts';

/** Puts together what the folders of a tree hold, in the order in which they are added. */
export class Catalog {
  readonly #functions = new Map<string, FunctionDefinition>();
  readonly #claims: Claim[] = [];
  readonly #problems: DiscoveryProblem[] = [];
  readonly #disabled = new Map<Runtime, string[]>();

  add({ drafts, problems, disabled }: FolderResult): void {
    for (const draft of drafts)
      this.#addFunction(this.#functions.has(draft.definition.key) ? this.#rename(draft) : draft);
    for (const problem of problems) this.#problems.push(problem);
    for (const { runtime, path } of disabled) {
      const paths = this.#disabled.get(runtime);
      if (paths) paths.push(path);
      else this.#disabled.set(runtime, [path]);
    }
  }

  finish(): Discovery {
    const { routes, conflicts } = compileRoutes(this.#claims);
    for (const conflict of conflicts) this.#warnOfConflict(conflict);
    for (const [runtime, paths] of this.#disabled) this.#warnOfDisabled(runtime, paths.sort());
    return {
      functions: [...this.#functions.keys()].sort().map((key) => this.#functions.get(key)!),
      routes,
      conflicts,
      problems: this.#problems.sort((a, b) => compareText(a.path, b.path) || compareText(a.message, b.message)),
    };
  }

  #addFunction({ definition, claims }: Draft): void {
    this.#functions.set(definition.key, definition);
    for (const claim of claims) this.#claims.push(claim);
  }

  /** Where a name is taken in its language, the path of the file is the function's name: no other function can have it. */
  #rename({ definition, claims }: Draft): Draft {
    const { runtime, version, file } = definition;
    const key = functionKey(runtime, file, version);
    const { file: owner } = this.#functions.get(definition.key)!;
    const message = `the name "${definition.name}" is taken by ${owner}, so this function is called "${file}"`;
    this.#warn('discovery', file, message, 'give it another "name" in its fn.config.json');
    return {
      definition: { ...definition, key, name: file },
      claims: claims.map((claim) => ({ ...claim, functionKey: key })),
    };
  }

  #warnOfConflict({ path, methods, claims }: RouteConflict): void {
    const message = `${methods.join(', ')} ${path} is claimed by ${claims.join(' and ')}, so it answers 409`;
    this.#warn('conflict', claims[0]!, message, 'keep one of them');
  }

  #warnOfDisabled(runtime: Runtime, paths: readonly string[]): void {
    const others = paths.length > 1 ? ` (and ${paths.length - 1} more)` : '';
    this.#warn(
      'discovery',
      paths[0]!,
      `is skipped${others}: the runtime ${runtime} is not enabled`,
      `add ${runtime} to FN_RUNTIMES`,
    );
  }

  #warn(kind: DiscoveryProblem['kind'], path: string, message: string, hint: string): void {
    this.#problems.push({ severity: 'warning', kind, path, message, hint });
  }
}
