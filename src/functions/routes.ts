import { compareText } from './compare.ts';
import { METHODS, type Method } from './file-names.ts';
import { coversHosts, intersectHosts } from './hosts.ts';
import { formatPath, isReserved, normalForm, type Segment, shapeOf } from './segments.ts';
import type { Route, RouteConflict } from './types.ts';

/** What a file or configuration asks to answer. */
export interface Claim {
  readonly segments: readonly Segment[];
  readonly defaults: Readonly<Record<string, string>>;
  readonly methods: readonly Method[];
  /** `name`: a method prefix; `default`: GET because nothing says otherwise (F16, F47). */
  readonly methodsFrom: 'name' | 'config' | 'hint' | 'default';
  readonly hosts: readonly string[];
  readonly functionKey: string;
  readonly rank: 1 | 2 | 3;
  /** Rank 3 that displaces the others (F45). */
  readonly isForced: boolean;
  /** The path is a name as written, so that its normal form answers too (F8). */
  readonly isName: boolean;
  /** File that makes the claim, relative to the root. */
  readonly file: string;
}

/** A route to be, with its place among those of the same shape. */
interface Candidate {
  readonly shape: string;
  readonly order: number;
  readonly methods: readonly Method[];
  readonly hosts: readonly string[];
  /** One, or those in conflict. */
  readonly claims: readonly [Claim, ...Claim[]];
  readonly segments: readonly Segment[];
}

const SOURCES = { 1: 'file', 2: 'manifest', 3: 'config' } as const;
const ALIAS_ORDER = 16; // after every claim of the same shape (F8)

/**
 * Decides who answers (F43-F48). The routes come in matching order; what can never win is left out, and what two equal
 * claims ask for is a route without function, which answers 409.
 */
export function compileRoutes(claims: readonly Claim[]): { routes: Route[]; conflicts: RouteConflict[] } {
  const byShape = new Map<string, readonly Candidate[]>();
  const aliases: Candidate[] = [];
  for (const [shape, group] of groupBy(claims, (claim) => shapeOf(claim.segments))) {
    const candidates = rankClaims(shape, group);
    byShape.set(shape, candidates);
    for (const candidate of candidates) {
      const alias = aliasOf(candidate, candidates);
      if (alias) aliases.push(alias);
    }
  }
  for (const [shape, group] of groupBy(aliases, (alias) => alias.shape)) {
    byShape.set(shape, dropHidden([...(byShape.get(shape) ?? []), ...group]));
  }
  const ordered = [...byShape.keys()].sort().flatMap((shape) => byShape.get(shape)!);
  return { routes: ordered.map(toRoute), conflicts: ordered.filter(isConflict).map(toConflict) };
}

/** The claims and conflicts of one shape in order of precedence, each with the methods it may win. */
function rankClaims(shape: string, claims: readonly Claim[]): Candidate[] {
  const ordered = claims.length === 1 ? claims : [...claims].sort(compareClaims);
  const single = ordered.map((claim) => toCandidate(shape, [claim], claim.methods, claim.hosts));
  return single.length === 1 ? single : dropHidden([...findConflicts(shape, ordered), ...single]);
}

function toCandidate(
  shape: string,
  claims: Candidate['claims'],
  methods: readonly Method[],
  hosts: readonly string[],
): Candidate {
  return { shape, order: orderOf(claims), methods, hosts, claims, segments: claims[0].segments };
}

/**
 * Forced configuration, manifest, file, configuration (F43-F45). A conflict precedes those who have it; among files a
 * method prefix precedes the others, except where it is in conflict with one (F47).
 */
function orderOf(claims: Candidate['claims']): number {
  const [{ rank, isForced }] = claims;
  const tier = isForced ? 0 : rank === 3 ? 3 : 3 - rank;
  const isPrefixed = claims.some(({ methodsFrom }) => methodsFrom === 'name');
  return tier * 4 + (isPrefixed ? 0 : 2) + (claims.length > 1 ? 0 : 1);
}

/** A method and hosts that several functions ask for. */
interface Contest {
  readonly order: number;
  readonly method: Method;
  readonly hosts: readonly string[];
  /** One claim of each. */
  readonly byFunction: Map<string, Claim>;
}

/** Methods and hosts that several functions ask for with equal right (F47); one candidate per set of functions and hosts. */
function findConflicts(shape: string, claims: readonly Claim[]): Candidate[] {
  const contests = new Map<string, Contest>();
  for (const [index, a] of claims.entries()) {
    for (const b of claims.slice(index + 1)) {
      const hosts = areEqualRivals(a, b) ? intersectHosts(a.hosts, b.hosts) : undefined;
      if (!hosts) continue;
      for (const method of a.methods.filter((candidate) => b.methods.includes(candidate))) {
        const order = orderOf([a, b]);
        const key = `${order} ${method} ${hosts}`;
        const contest = contests.get(key) ?? { order, method, hosts, byFunction: new Map() };
        contests.set(key, contest);
        for (const claim of [a, b]) contest.byFunction.set(claim.functionKey, claim);
      }
    }
  }
  const identity = ({ order, hosts, byFunction }: Contest) => `${order} ${hosts} ${[...byFunction.keys()].sort()}`;
  return [...groupBy(contests.values(), identity).values()].map((group) => {
    const { order, hosts, byFunction } = group[0]!;
    const rivals = [...byFunction.values()].sort(compareClaims) as unknown as Candidate['claims'];
    const methods = METHODS.filter((method) => group.some((contest) => contest.method === method));
    return { ...toCandidate(shape, rivals, methods, hosts), order };
  });
}

/** Whether neither displaces the other although they are not the same function (F44-F47). */
function areEqualRivals(a: Claim, b: Claim): boolean {
  if (a.functionKey === b.functionKey || a.rank !== b.rank || a.isForced !== b.isForced) return false;
  const [prefixed, other] = a.methodsFrom === 'name' ? [a, b] : [b, a];
  return prefixed.methodsFrom !== 'name' || other.methodsFrom === 'name' || other.methodsFrom === 'default';
}

/** Sorts candidates of one shape and takes from each the methods that earlier ones answer for all its hosts. */
function dropHidden(candidates: readonly Candidate[]): Candidate[] {
  const taken = new Map<Method, string[] | 'all'>();
  const isHidden = (method: Method, hosts: readonly string[]) => {
    const before = taken.get(method);
    return before === 'all' || (before !== undefined && coversHosts(before, hosts));
  };
  return [...candidates].sort(compareCandidates).flatMap((candidate) => {
    const methods = candidate.methods.filter((method) => !isHidden(method, candidate.hosts));
    for (const method of methods) {
      const before = taken.get(method) ?? [];
      taken.set(method, candidate.hosts.length === 0 || before === 'all' ? 'all' : [...before, ...candidate.hosts]);
    }
    return methods.length > 0 ? [{ ...candidate, methods }] : [];
  });
}

/** The lower-case, dashed spelling of a named route, for the methods that are in no conflict (F8). */
function aliasOf(candidate: Candidate, rivals: readonly Candidate[]): Candidate | undefined {
  const [claim] = candidate.claims;
  const segments = claim.isName && !isConflict(candidate) ? normalForm(claim.segments) : undefined;
  if (!segments || isReserved(segments)) return undefined;
  const contested = new Set(rivals.filter(isConflict).flatMap((rival) => rival.methods));
  const methods = candidate.methods.filter((method) => !contested.has(method));
  return { ...candidate, methods, shape: shapeOf(segments), order: ALIAS_ORDER, segments };
}

function isConflict({ claims }: Candidate): boolean {
  return claims.length > 1;
}

function toRoute({ claims, methods, hosts, segments, order }: Candidate): Route {
  const [claim] = claims;
  const isAlias = order === ALIAS_ORDER;
  return {
    path: formatPath(segments),
    methods,
    hosts,
    functionKey: claims.length > 1 ? null : claim.functionKey,
    defaults: claim.defaults,
    rank: isAlias ? 4 : claim.rank,
    isForced: claim.isForced,
    source: isAlias ? 'alias' : SOURCES[claim.rank],
    file: claim.file,
  };
}

function toConflict({ claims, methods, segments }: Candidate): RouteConflict {
  const files = new Set(claims.map(({ file }) => file));
  return {
    path: formatPath(segments),
    methods,
    claims: [...files],
    functionKeys: claims.map(({ functionKey }) => functionKey),
  };
}

function compareCandidates(a: Candidate, b: Candidate): number {
  return a.order - b.order || compareClaims(a.claims[0], b.claims[0]) || compareText(a.hosts.join(), b.hosts.join());
}

/** A total order, so that the order in which claims come changes nothing (F4). */
function compareClaims(a: Claim, b: Claim): number {
  return (
    compareText(a.file, b.file) ||
    compareText(a.functionKey, b.functionKey) ||
    compareText(formatPath(a.segments), formatPath(b.segments)) ||
    compareText(a.hosts.join(), b.hosts.join()) ||
    b.methods.length - a.methods.length ||
    compareText(a.methods.join(), b.methods.join()) ||
    Number(b.isName) - Number(a.isName)
  );
}

function groupBy<T>(items: Iterable<T>, keyOf: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group) group.push(item);
    else groups.set(key, [item]);
  }
  return groups;
}
