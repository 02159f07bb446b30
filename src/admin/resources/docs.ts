import { readFile } from 'node:fs/promises';
import { DOCS_FILES, DOCS_HEADERS, DOCS_PAGE, type DocsFile } from '../../openapi/docs-files.ts';
import { serverUrl } from '../../openapi/server-url.ts';
import { GATEWAY_HEADERS } from '../caller.ts';
import { type AdminContext, type AdminRequest, type Endpoint, endpoint } from '../endpoint.ts';
import { isCurrent } from '../etag.ts';
import { Problem } from '../problem.ts';

/** P169-P171: the OpenAPI document and the page that shows it. The gateway asks for the short paths only where no route has them. */
export const docsEndpoints: readonly Endpoint[] = [
  endpoint({
    method: 'GET',
    path: '/_fn/openapi.json',
    access: 'docs',
    summary: 'The OpenAPI document',
    handle: sendDocument,
  }),
  endpoint({
    method: 'GET',
    path: '/openapi.json',
    access: 'alias',
    summary: 'The OpenAPI document',
    handle: sendDocument,
  }),
  endpoint({
    method: 'GET',
    path: '/_fn/docs',
    access: 'docs',
    summary: 'The API documentation as a page',
    handle: (request) => sendFile(DOCS_PAGE, request),
  }),
  endpoint({
    method: 'GET',
    path: '/_fn/docs/*',
    access: 'docs',
    summary: 'What that page loads',
    handle(request) {
      const file = DOCS_FILES.get(request.params['*']!.replace(/^docs\//, '')); // a page opened as /_fn/docs/ asks for docs/docs/…
      if (!file) throw new Problem(404, 'not found');
      return sendFile(file, request);
    },
  }),
  endpoint({
    method: 'GET',
    path: '/docs',
    access: 'docs',
    summary: 'Leads to /_fn/docs',
    handle: ({ reply }) => reply.redirect('/_fn/docs', 302),
  }),
];

function sendDocument(request: AdminRequest, { platform, openApi }: AdminContext): unknown {
  const { headers, reply } = request;
  const { body, etag } = openApi.publish(platform.discovery, addressOf(request, platform.config.publicBaseUrl));
  reply.header('etag', etag);
  if (isCurrent(headers['if-none-match'], etag)) return reply.code(304).send();
  return reply.type('application/json').send(Buffer.from(body)); // fastify would add a charset to text
}

/** P234: where a proxy that we trust spoke for the client, the two addresses that nginx reports differ. */
function addressOf({ headers, isSecure }: AdminRequest, publicBaseUrl: string | null): string {
  const isProxied = headers[GATEWAY_HEADERS.peer] !== headers[GATEWAY_HEADERS.client];
  const text = (value: string | string[] | undefined) => (value === undefined ? undefined : String(value));
  return serverUrl(publicBaseUrl, {
    isSecure,
    host: text(headers.host),
    forwardedHost: isProxied ? text(headers['x-forwarded-host']) : undefined,
  });
}

async function sendFile({ path, contentType }: DocsFile, { reply }: AdminRequest): Promise<unknown> {
  return reply
    .headers(DOCS_HEADERS)
    .type(contentType)
    .send(await readFile(path));
}
