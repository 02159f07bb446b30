import { createHash } from 'node:crypto';
import type { Route } from '../../functions/types.ts';

const STYLE =
  'body{font:16px/1.5 system-ui,sans-serif;max-width:48rem;margin:3rem auto;padding:0 1rem;color:#1c2430;background:#fff}' +
  'a{color:#0b57a4}code{font:14px/1.6 ui-monospace,monospace}li{margin:.4rem 0}li code{display:block;color:#4a5563}' +
  '@media(prefers-color-scheme:dark){body{color:#e4e8ee;background:#12161c}a{color:#8ab8f0}li code{color:#a4aebb}}';

/** The page loads nothing, and its one style is named by its hash. */
export const LANDING_POLICY = [
  "default-src 'none'",
  `style-src 'sha256-${createHash('sha256').update(STYLE).digest('base64')}'`,
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

/** What the page may offer: what is switched off is not linked, and only local clients see the routes (F58). */
export interface LandingContent {
  readonly url: string;
  readonly hasDocs: boolean;
  readonly hasConsole: boolean;
  /** null: not for this client. */
  readonly routes: readonly Route[] | null;
}

/** The page at `/` of a project that has none of its own (P232). */
export function renderLanding({ url, hasDocs, hasConsole, routes }: LandingContent): string {
  const links = [
    ...(hasDocs ? ['<li><a href="/_fn/docs">API documentation</a></li>'] : []),
    '<li><a href="/_fn/health">Health</a></li>',
    ...(hasConsole ? ['<li><a href="/console/">Console</a></li>'] : []),
  ];
  const list =
    routes === null
      ? ''
      : `<h2>Routes</h2>\n<ul>\n${routes.map((route) => renderRoute(route, url)).join('\n')}\n</ul>\n`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>FastFN</title>
<style>${STYLE}</style>
</head>
<body>
<h1>FastFN is running</h1>
<ul>
${links.join('\n')}
</ul>
${list}</body>
</html>
`;
}

function renderRoute({ path, methods }: Route, url: string): string {
  const method = methods[0] ?? 'GET';
  const isCallable = method === 'GET' && !/\/[:*]/.test(path);
  const shown = escapeHtml(path);
  const name = isCallable ? `<a href="${escapeHtml(encodeURI(path))}">${shown}</a>` : shown;
  const verb = method === 'GET' ? '' : ` -X ${method}`;
  const curl = `curl${verb} '${url}${encodeURI(path).replaceAll("'", '%27')}'`;
  return `<li>${methods.join(', ')} ${name}<code>${escapeHtml(curl)}</code></li>`;
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
