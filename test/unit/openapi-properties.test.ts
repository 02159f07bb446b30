import fc from 'fast-check';
import { expect, test } from 'vitest';
import { NOTHING_INHERITED, resolvePolicy } from '../../src/functions/policy.ts';
import { type Claim, compileRoutes } from '../../src/functions/routes.ts';
import { expandOptional, findPatternProblem, type Segment } from '../../src/functions/segments.ts';
import type { Discovery, FunctionDefinition, FunctionExamples } from '../../src/functions/types.ts';
import { OpenApiPublication } from '../../src/openapi/publication.ts';
import { projectFor } from './discovery-fixture.ts';
import { allOperations, documentOf } from './openapi-fixture.ts';

const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS'] as const;
const text = fc.constantFrom('a', 'b', 'A_b', 'a-b', 'é', 'a b', 'x{y}', 'a:b', 'a*b', '%', '\ud800', '@x', '(g)');
const name = fc.constantFrom('id', 'name', 'wildcard');
const segment: fc.Arbitrary<Segment> = fc.oneof(
  { weight: 4, arbitrary: text.map((value) => ({ kind: 'static', text: value }) as const) },
  { weight: 2, arbitrary: name.map((value) => ({ kind: 'param', name: value }) as const) },
);
const end: fc.Arbitrary<Segment[]> = fc.oneof(
  fc.constant<Segment[]>([]),
  name.map((value) => [{ kind: 'catch-all', name: value } as const]),
  name.map((value) => [{ kind: 'optional', name: value } as const]),
  fc.constant<Segment[]>([{ kind: 'wildcard' }]),
);
const segments = fc
  .tuple(fc.array(segment, { maxLength: 3 }), end)
  .map(([head, tail]) => [...head, ...tail])
  .filter((candidate) => findPatternProblem(candidate) === undefined);
const examples: fc.Arbitrary<FunctionExamples> = fc.record(
  {
    summary: fc.string(),
    query: fc.dictionary(fc.string(), fc.jsonValue()),
    body: fc.jsonValue(),
    contentType: fc.constantFrom('application/json', 'text/csv', '', 'application/x+json; charset=utf-8'),
  },
  { requiredKeys: [] },
);
const definition = fc
  .record({
    name: fc.constantFrom('a', 'a.b', 'a_b', 'a/b', 'a_2', 'ü'),
    runtime: fc.constantFrom('node', 'python'),
    version: fc.constantFrom('default', 'v2', '2'),
    examples: fc.option(examples, { nil: undefined }),
    group: fc.option(fc.string(), { nil: undefined }),
  })
  .map(
    (facts) =>
      ({
        ...facts,
        key: `${facts.runtime}/${facts.name}@${facts.version}`,
        policy: resolvePolicy(NOTHING_INHERITED, undefined, projectFor('/')),
      }) as FunctionDefinition,
  );
const discovery: fc.Arbitrary<Discovery> = fc
  .uniqueArray(definition, { selector: ({ key }) => key, minLength: 1, maxLength: 5 })
  .chain((functions) => {
    const claim = fc.record({
      segments,
      methods: fc.subarray([...METHODS], { minLength: 1 }),
      methodsFrom: fc.constantFrom('name', 'config', 'default'),
      hosts: fc.constantFrom<readonly string[]>([], ['a.com'], ['b.com']),
      functionKey: fc.constantFrom(...functions.map(({ key }) => key)),
      rank: fc.constantFrom(1, 2, 3),
      isForced: fc.constant(false),
      isName: fc.boolean(),
      file: fc.constantFrom('a.js', 'b.js'),
    });
    return fc.array(claim, { maxLength: 12 }).map((claims) => {
      const patterns = claims.flatMap((given) =>
        expandOptional(given.segments).map((pattern) => ({ ...given, ...pattern }) as Claim),
      );
      return { functions, problems: [], ...compileRoutes(patterns) };
    });
  });

const shapeOf = (path: string) => path.replace(/\{\w+\}/g, '{}');

test('P235, P236, P241: any routes give a sound document', () => {
  fc.assert(
    fc.property(discovery, (given) => {
      const document = documentOf({ discovery: given });
      const paths = Object.keys(document.paths);
      expect(new Set(paths.map(shapeOf)).size).toBe(paths.length);
      for (const [path, item] of Object.entries(document.paths)) {
        expect(path).toMatch(/^\/(?:[A-Za-z0-9\-._~!$&'()+,;=@%{}]+\/?)*$/);
        const bound = [...path.matchAll(/\{(\w+)\}/g)].map(([, parameter]) => parameter);
        for (const { parameters = [] } of Object.values(item)) {
          const declared = parameters.filter((parameter) => parameter.in === 'path');
          expect(declared.map((parameter) => parameter.name)).toEqual(bound);
          expect(declared.every(({ required }) => required)).toBe(true);
        }
      }
      const ids = allOperations(document).map(({ operationId }) => operationId);
      expect(new Set(ids).size).toBe(ids.length);
      expect(ids.every((id) => /^\w+$/.test(id))).toBe(true);
    }),
    { numRuns: 300 },
  );
});

test('P235: each method of each served route is shown once, or listed as hidden; nothing else is', () => {
  fc.assert(
    fc.property(discovery, (given) => {
      const document = documentOf({ discovery: given });
      const shown = allOperations(document).length;
      const hidden = (document['x-fastfn-conflicts'] ?? []).reduce((sum, { methods }) => sum + methods.length, 0);
      const served = given.routes.filter(({ functionKey }) => functionKey !== null);
      expect(shown + hidden).toBe(served.reduce((sum, { methods }) => sum + methods.length, 0));
    }),
    { numRuns: 300 },
  );
});

test('P233: what is published is the document, byte for byte', () => {
  fc.assert(
    fc.property(discovery, fc.webUrl(), (given, serverUrl) => {
      const { body } = new OpenApiPublication({ title: 'FastFN API', version: '1.0.0' }).publish(given, serverUrl);
      expect(body).toBe(JSON.stringify(documentOf({ discovery: given, serverUrl })));
    }),
    { numRuns: 100 },
  );
});
