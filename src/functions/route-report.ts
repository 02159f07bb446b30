import { compareText } from './compare.ts';
import type { Discovery, FunctionDefinition, Route, RouteConflict } from './types.ts';

/** What a folder of functions answers, in the form of P31. */
export interface RouteReport {
  readonly functions_root: string;
  /** By path, then by first method. */
  readonly routes: readonly ReportedRoute[];
  readonly conflicts: readonly ReportedConflict[];
  readonly skipped: readonly { readonly path: string; readonly reason: string }[];
}

export interface ReportedRoute {
  readonly path: string;
  readonly methods: readonly string[];
  /** Function key. */
  readonly function: string;
  readonly file: string;
  readonly source: 'file' | 'manifest' | 'config';
  readonly hosts: readonly string[];
  readonly schedule: boolean;
  readonly auth: 'none' | 'api_key' | 'jwt';
}

export interface ReportedConflict {
  readonly path: string;
  readonly methods: readonly string[];
  /** Function keys. */
  readonly claims: readonly string[];
  readonly reason: string;
}

/** The routes of a discovery for people and programs (P18, P31). Aliases are spellings of other routes and left out (F8). */
export function reportRoutes(
  functionsRoot: string,
  { functions, routes, conflicts, problems }: Discovery,
): RouteReport {
  const byKey = new Map(functions.map((definition) => [definition.key, definition]));
  return {
    functions_root: functionsRoot,
    routes: routes
      .flatMap((route) => {
        const definition = route.source === 'alias' ? undefined : byKey.get(route.functionKey ?? '');
        return definition === undefined ? [] : [reportRoute(route, definition)];
      })
      .sort((a, b) => compareText(a.path, b.path) || compareText(a.methods[0] ?? '', b.methods[0] ?? '')),
    conflicts: conflicts.map(reportConflict).sort((a, b) => compareText(a.path, b.path)),
    skipped: problems
      .filter(({ kind }) => kind === 'discovery')
      .map(({ path, message }) => ({ path, reason: message.replace(/^is skipped: /, '') })),
  };
}

function reportRoute({ path, methods, hosts, source }: Route, definition: FunctionDefinition): ReportedRoute {
  const { key, file, isScheduled, policy } = definition;
  return {
    path,
    methods,
    function: key,
    file,
    source: source as ReportedRoute['source'],
    hosts,
    schedule: isScheduled === true,
    auth: policy.auth === null ? 'none' : policy.auth.jwt === null ? 'api_key' : 'jwt',
  };
}

function reportConflict({ path, methods, claims, functionKeys }: RouteConflict): ReportedConflict {
  return { path, methods, claims: functionKeys, reason: `claimed by ${claims.join(' and ')}; answers 409` };
}
