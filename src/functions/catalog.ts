import { compareText } from './compare.ts';
import type { Identity } from './folder-context.ts';
import { type Claim, compileRoutes } from './routes.ts';
import { findPatternProblem, formatPath, isReserved, type Segment } from './segments.ts';
import type { Discovery, DiscoveryProblem, FunctionDefinition, RouteConflict, Runtime } from './types.ts';

const DEFAULT_VERSION = 'default';

/** Collects what a walk through the tree finds. */
export class Catalog {
  readonly #functions = new Map<string, FunctionDefinition>();
  readonly #claims: Claim[] = [];
  readonly #problems: DiscoveryProblem[] = [];
  readonly #disabled = new Map<Runtime, string[]>();

  /** The identity of a function, before it is added. Where the name is taken in its language, its file is its name. */
  identify(runtime: Runtime, name: string, kind: FunctionDefinition['kind'], file: string): Identity {
    const wanted = identity(runtime, name, kind);
    const taken = this.#functions.get(wanted.key);
    if (!taken) return wanted;
    const message = `the name "${name}" is taken by ${taken.file}, so this function is called "${file}"`;
    this.warn(file, message, 'give it another "name" in its fn.config.json');
    return identity(runtime, file, kind);
  }

  addFunction(definition: FunctionDefinition): void {
    this.#functions.set(definition.key, definition);
  }

  addClaim(claim: Claim): void {
    this.#claims.push(claim);
  }

  /** Whether the platform and the matcher can serve the route; if not, says why (F10, F13). */
  isServable(segments: readonly Segment[], path: string): boolean {
    const problem = isReserved(segments)
      ? 'belongs to the platform, like all of /_fn and /console'
      : findPatternProblem(segments);
    if (problem !== undefined) this.warn(path, `the route ${formatPath(segments)} is skipped: it ${problem}`);
    return problem === undefined;
  }

  warn(path: string, message: string, hint?: string): void {
    this.#problems.push({ severity: 'warning', path, message, ...(hint !== undefined && { hint }) });
  }

  fail(path: string, message: string): void {
    this.#problems.push({ severity: 'error', path, message });
  }

  addProblems(problems: readonly DiscoveryProblem[]): void {
    this.#problems.push(...problems);
  }

  /** Counts a file whose language is not enabled; all of a language share one warning (F6). */
  addDisabled(runtime: Runtime, path: string): void {
    const paths = this.#disabled.get(runtime);
    if (paths) paths.push(path);
    else this.#disabled.set(runtime, [path]);
  }

  finish(): Discovery {
    const { routes, conflicts } = compileRoutes(this.#claims);
    for (const conflict of conflicts) this.#warnOfConflict(conflict);
    for (const [runtime, paths] of this.#disabled) this.#warnOfDisabled(runtime, paths.sort(compareText));
    return {
      functions: [...this.#functions.values()].sort((a, b) => compareText(a.key, b.key)),
      routes,
      conflicts,
      problems: this.#problems.sort((a, b) => compareText(a.path, b.path) || compareText(a.message, b.message)),
    };
  }

  #warnOfConflict({ path, methods, claims }: RouteConflict): void {
    const message = `${methods.join(', ')} ${path} is claimed by ${claims.join(' and ')}, so it answers 409`;
    this.warn(claims[0]!, message, 'keep one of them');
  }

  #warnOfDisabled(runtime: Runtime, paths: readonly string[]): void {
    const others = paths.length > 1 ? ` (and ${paths.length - 1} more)` : '';
    this.warn(paths[0]!, `is skipped${others}: the runtime ${runtime} is not enabled`, `add ${runtime} to FN_RUNTIMES`);
  }
}

function identity(runtime: Runtime, name: string, kind: FunctionDefinition['kind']): Identity {
  return { key: `${runtime}/${name}@${DEFAULT_VERSION}`, name, version: DEFAULT_VERSION, kind };
}
