// What others accept as OpenAPI 3.1 (P241): both linters check against the published JSON Schema of the format too.
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import spectral, { type RulesetDefinition } from '@stoplight/spectral-core';
import rulesets from '@stoplight/spectral-rulesets';
import { describe, expect, test } from 'vitest';
import { ENDPOINTS } from '../../src/admin/endpoints.ts';
import { internalOperations } from '../../src/admin/openapi-operations.ts';
import type { OpenApiDocument } from '../../src/openapi/types.ts';
import { packageRoot } from '../../src/package-root.ts';
import { temporaryFolder } from './config-support.ts';
import { discoverFiles, discoveryOf } from './discovery-fixture.ts';
import { bigProject, documentOf } from './openapi-fixture.ts';

const ERROR = 0; // Spectral's severity
const OFFLINE = { REDOCLY_TELEMETRY: 'off', REDOCLY_SUPPRESS_UPDATE_NOTICE: 'true' };

const exampleDocument = async (name: string) =>
  documentOf({ discovery: await discoveryOf(join(packageRoot, 'examples', name)).scan() });

const CASES: readonly (readonly [name: string, load: () => Promise<OpenApiDocument>])[] = [
  ['examples/hello', () => exampleDocument('hello')],
  ['examples/auth', () => exampleDocument('auth')],
  ['an empty project', async () => documentOf({ discovery: await discoverFiles({}) })],
  [
    'the admin API',
    async () => documentOf({ discovery: await discoverFiles({}), internal: internalOperations(ENDPOINTS) }),
  ],
  ['100 routes of every kind', async () => documentOf({ discovery: await discoverFiles(bigProject(100)) })],
];

describe.each(CASES)('P241: the document of %s', (_, load) => {
  test('has no errors for Spectral', async () => {
    const linter = new spectral.Spectral();
    linter.setRuleset({ extends: [[rulesets.oas, 'recommended']] } as RulesetDefinition);
    const results = await linter.run(JSON.stringify(await load()));
    expect(results.filter(({ severity }) => severity === ERROR)).toEqual([]);
  });

  test('has no errors for Redocly', async () => {
    const file = join(temporaryFolder(), 'openapi.json');
    writeFileSync(file, JSON.stringify(await load()));
    const program = join(packageRoot, 'node_modules/.bin/redocly');
    const config = join(packageRoot, 'test/fixtures/redocly.yaml');
    const args = ['lint', file, '--config', config, '--format', 'json'];
    const { stdout } = await promisify(execFile)(program, args, { env: { ...process.env, ...OFFLINE } }).catch(
      (failure: { stdout: string }) => failure,
    );
    expect(JSON.parse(stdout).problems).toEqual([]);
  });
});
