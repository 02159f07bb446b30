import { buildOpenApi, type OpenApiInput } from '../../src/openapi/document.ts';
import type { OpenApiDocument, Operation } from '../../src/openapi/types.ts';
import { discoverFiles, type Files } from './discovery-fixture.ts';

export const SERVER_URL = 'http://127.0.0.1:8080';

/** The document of a project of these files. */
export async function openApiOf(files: Files, changes: Partial<OpenApiInput> = {}): Promise<OpenApiDocument> {
  return documentOf({ discovery: await discoverFiles(files), ...changes });
}

export function documentOf(input: Pick<OpenApiInput, 'discovery'> & Partial<OpenApiInput>): OpenApiDocument {
  return buildOpenApi({ title: 'FastFN API', version: '1.0.0', serverUrl: SERVER_URL, ...input });
}

export function operationOf(document: OpenApiDocument, method: string, path: string): Operation {
  const operation = document.paths[path]?.[method.toLowerCase()];
  if (!operation) throw new Error(`no ${method} ${path} among ${Object.keys(document.paths).join(', ')}`);
  return operation;
}

/** Every operation as `GET /path`, in the order of the document. */
export function listOperations(document: OpenApiDocument): string[] {
  return Object.entries(document.paths).flatMap(([path, item]) =>
    Object.keys(item).map((method) => `${method.toUpperCase()} ${path}`),
  );
}

export function allOperations(document: OpenApiDocument): Operation[] {
  return Object.values(document.paths).flatMap((item) => Object.values(item));
}

/** A project of every kind of route, body and example; `count` routes. */
export function bigProject(count: number): Files {
  const kinds = [
    (n: number) => [`g${n % 50}/r${n}.js`, '// @query {"page": 1, "deep": {"a": [1]}}\n'],
    (n: number) => [
      `g${n % 50}/[id]/post.r${n}.py`,
      '# @summary Makes one\n# @body {"name": "Ada", "tags": ["a", 1]}\n',
    ],
    (n: number) => [`g${n % 50}/get.x${n}.[...rest].php`, '<?php // @methods GET\n'],
    (n: number) => [`g${n % 50}/put.r${n}.lua`, '-- @body a,b\n-- @content_type text/csv\n'],
    (n: number) => [`g${n % 50}/R_${n}.ts`, '// @methods GET,POST,PUT,PATCH,DELETE,HEAD,OPTIONS\n'],
  ] as const;
  const guarded = { group: 'Guarded', auth: { api_key: { keys: [{ env: 'KEY' }] }, jwt: { secret_env: 'SECRET' } } };
  const files = Array.from({ length: count }, (_, n) => kinds[n % kinds.length]!(n));
  return { ...Object.fromEntries(files), 'g1/fn.config.json': guarded };
}
