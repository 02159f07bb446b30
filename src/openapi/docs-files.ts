import { join } from 'node:path';
import { packageRoot } from '../package-root.ts';

/** A file of the API documentation's page. */
export interface DocsFile {
  /** Absolute. */
  readonly path: string;
  readonly contentType: string;
}

const FOLDER = join(packageRoot, 'dist/docs');
const TEXT = 'text/plain; charset=utf-8';

/** The page at /_fn/docs (P170); what it loads lies below /_fn/docs/. */
export const DOCS_PAGE: DocsFile = file('index.html', 'text/html; charset=utf-8');

/** Everything below /_fn/docs/ by name: nothing else is served from there. */
export const DOCS_FILES: ReadonlyMap<string, DocsFile> = new Map([
  ['favicon-32x32.png', file('favicon-32x32.png', 'image/png')],
  ['page.css', file('page.css', 'text/css; charset=utf-8')],
  ['start.js', file('start.js', 'text/javascript; charset=utf-8')],
  ['swagger-ui-bundle.js', file('swagger-ui-bundle.js', 'text/javascript; charset=utf-8')],
  ['swagger-ui.css', file('swagger-ui.css', 'text/css; charset=utf-8')],
  ['LICENSE', file('LICENSE', TEXT)],
  ['NOTICE', file('NOTICE', TEXT)],
  ['swagger-ui-bundle.js.LICENSE.txt', file('swagger-ui-bundle.js.LICENSE.txt', TEXT)],
]);

/** Headers of the page and its files (P92). Swagger UI writes styles inline and draws icons from data: URLs. */
export const DOCS_HEADERS: Readonly<Record<string, string>> = {
  'content-security-policy':
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'x-frame-options': 'DENY',
};

function file(name: string, contentType: string): DocsFile {
  return { path: join(FOLDER, name), contentType };
}
