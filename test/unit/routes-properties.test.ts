import fc from 'fast-check';
import { expect, test } from 'vitest';
import { METHODS, type Method } from '../../src/functions/file-names.ts';
import { type Claim, compileRoutes } from '../../src/functions/routes.ts';
import { findPatternProblem, type Segment } from '../../src/functions/segments.ts';
import type { Route } from '../../src/functions/types.ts';

// A second, slow reading of F43-F51 and F53 that knows nothing of how routes are compiled.

const HOSTS = ['a.com', 'x.a.com', 'y.x.a.com', 'b.com', 'b.com:80', 'b.com:81', 'c.org'];
const PATHS = ['', 'a', 'b', 'a/b', 'A_b', 'a-b', 'a/a-b', 'b/c/d', 'a-b/c'].map((path) =>
  path.split('/').filter(Boolean),
);

function acceptsHost(patterns: readonly string[], host: string): boolean {
  const name = host.split(':')[0]!;
  return (
    patterns.length === 0 ||
    patterns.some((pattern) => {
      const [wanted, port] = pattern.split(':');
      if (port !== undefined && !host.endsWith(`:${port}`)) return false;
      return wanted!.startsWith('*.')
        ? name.endsWith(wanted!.slice(1)) && name.length > wanted!.length - 1
        : name === wanted;
    })
  );
}

/** How specific each segment of a match is; undefined where the pattern does not match. */
function matchKinds(segments: readonly Segment[], path: readonly string[]): number[] | undefined {
  const kinds: number[] = [];
  for (const [index, segment] of segments.entries()) {
    if (path[index] === undefined) return undefined;
    if (segment.kind === 'static') {
      if (segment.text !== path[index]) return undefined;
      kinds.push(0);
    } else if (segment.kind === 'param') {
      kinds.push(1);
    } else {
      return [...kinds, segment.kind === 'wildcard' ? 3 : 2];
    }
  }
  return segments.length === path.length ? kinds : undefined;
}

function compareKinds(a: readonly number[], b: readonly number[]): number {
  for (const [index, kind] of a.entries()) {
    if (kind !== b[index]) return kind - (b[index] ?? -1);
  }
  return 0;
}

/** The function that answers among claims of one shape: undefined for nobody, null for 409. */
function decide(claims: readonly Claim[]): string | null | undefined {
  const tier = ({ rank, isForced }: Claim) => (isForced ? 0 : rank === 2 ? 1 : rank === 1 ? 2 : 3);
  const best = Math.min(...claims.map(tier));
  const top = claims.filter((claim) => tier(claim) === best);
  const prefixed = top.some(({ methodsFrom }) => methodsFrom === 'name');
  const left = prefixed ? top.filter(({ methodsFrom }) => methodsFrom === 'name' || methodsFrom === 'default') : top;
  const targets = new Set(left.map(({ functionKey }) => functionKey));
  return targets.size > 1 ? null : [...targets][0];
}

function expectedTarget(claims: readonly Claim[], method: Method, host: string, path: readonly string[]) {
  const accepting = claims
    .filter((claim) => claim.methods.includes(method) && acceptsHost(claim.hosts, host))
    .map((claim) => ({ claim, kinds: matchKinds(claim.segments, path) }))
    .filter((entry): entry is { claim: Claim; kinds: number[] } => entry.kinds !== undefined)
    .sort((a, b) => compareKinds(a.kinds, b.kinds));
  const first = accepting[0];
  if (!first) return undefined;
  return decide(accepting.filter(({ kinds }) => compareKinds(kinds, first.kinds) === 0).map(({ claim }) => claim));
}

function actualTarget(routes: readonly Route[], method: Method, host: string, path: readonly string[]) {
  const route = routes.find(
    (candidate) =>
      (candidate.methods as readonly string[]).includes(method) &&
      acceptsHost(candidate.hosts, host) &&
      matchKinds(readPath(candidate.path), path),
  );
  return route?.functionKey;
}

function readPath(path: string): Segment[] {
  const tokens = path.split('/').filter(Boolean);
  return tokens.map((token): Segment => {
    if (token === '*') return { kind: 'wildcard' };
    if (!token.startsWith(':')) return { kind: 'static', text: token };
    return token.endsWith('*') ? { kind: 'catch-all', name: token } : { kind: 'param', name: token };
  });
}

const segment: fc.Arbitrary<Segment> = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom('a', 'b', 'A_b', 'a-b').map((text) => ({ kind: 'static', text }) as const) },
  { weight: 2, arbitrary: fc.constantFrom('x', 'y').map((name) => ({ kind: 'param', name }) as const) },
);
const tail: fc.Arbitrary<Segment[]> = fc.oneof(
  { weight: 3, arbitrary: fc.constant<Segment[]>([]) },
  { weight: 1, arbitrary: fc.constant<Segment[]>([{ kind: 'catch-all', name: 'rest' }]) },
  { weight: 1, arbitrary: fc.constant<Segment[]>([{ kind: 'wildcard' }]) },
);
const segments = fc
  .tuple(fc.array(segment, { maxLength: 2 }), tail)
  .map(([head, end]) => [...head, ...end])
  .filter((candidate) => findPatternProblem(candidate) === undefined);
const methods = fc.subarray(METHODS.slice(0, 3), { minLength: 1 });
const kind = fc.oneof(
  methods.map((given) => ({ rank: 1, methodsFrom: 'config', methods: given, isForced: false }) as const),
  methods.map((given) => ({ rank: 1, methodsFrom: 'name', methods: given.slice(0, 1), isForced: false }) as const),
  fc.constant({ rank: 1, methodsFrom: 'default', methods: ['GET'], isForced: false } as const),
  methods.map((given) => ({ rank: 2, methodsFrom: 'config', methods: given, isForced: false }) as const),
  fc
    .tuple(methods, fc.boolean())
    .map(([given, isForced]) => ({ rank: 3, methodsFrom: 'config', methods: given, isForced }) as const),
);
const claims = (isName: fc.Arbitrary<boolean>): fc.Arbitrary<Claim[]> =>
  fc.array(
    fc
      .record({
        segments,
        kind,
        file: fc.constantFrom('a.js', 'b.js', 'c.py', 'd.php'),
        hosts: fc.oneof(fc.constant([]), fc.subarray(['a.com', '*.a.com', '*.x.a.com', 'b.com', 'b.com:80'])),
        isName,
      })
      .map(({ kind: details, file, ...rest }) => ({
        ...rest,
        ...details,
        file,
        functionKey: `x/${file}`,
        defaults: {},
      })),
    { maxLength: 7 },
  );

test('F43-F51: every method, host and path has the winner that the rules name', () => {
  fc.assert(
    fc.property(claims(fc.constant(false)), (given) => {
      const { routes } = compileRoutes(given);
      for (const method of METHODS.slice(0, 3)) {
        for (const host of HOSTS) {
          for (const path of PATHS) {
            expect(actualTarget(routes, method, host, path)).toBe(expectedTarget(given, method, host, path));
          }
        }
      }
    }),
    { numRuns: 400 },
  );
});

test('F8: aliases answer only what no other route answers, and never make a conflict', () => {
  fc.assert(
    fc.property(claims(fc.boolean()), (given) => {
      const plain = compileRoutes(given.map((claim) => ({ ...claim, isName: false })));
      const named = compileRoutes(given);
      expect(named.conflicts).toEqual(plain.conflicts);
      expect(named.routes.filter(({ source }) => source !== 'alias')).toEqual(plain.routes);
      for (const route of named.routes.filter(({ source }) => source === 'alias')) {
        expect(route).toMatchObject({ rank: 4, functionKey: expect.any(String) });
        expect(route.path).toBe(route.path.toLowerCase().replaceAll('_', '-'));
      }
    }),
    { numRuns: 400 },
  );
});

test('F4: the order of claims changes nothing, and no two routes are equal', () => {
  fc.assert(
    fc.property(
      claims(fc.boolean()).chain((given) =>
        fc.tuple(fc.constant(given), fc.shuffledSubarray(given, { minLength: given.length })),
      ),
      ([given, shuffled]) => {
        const compiled = compileRoutes(given);
        expect(compileRoutes(shuffled)).toEqual(compiled);
        const identities = compiled.routes.map(({ path, methods: list, hosts, rank }) =>
          JSON.stringify([path, list, hosts, rank]),
        );
        expect(new Set(identities).size).toBe(identities.length);
      },
    ),
    { numRuns: 400 },
  );
});
