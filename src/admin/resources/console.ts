import { readdirSync, readFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import type { FastifyReply } from 'fastify';
import { packageRoot } from '../../package-root.ts';
import { type AdminContext, type AdminRequest, type Endpoint, endpoint } from '../endpoint.ts';
import { Problem } from '../problem.ts';

/** P92: scripts and styles from files only; pictures also from answers that the test form has in memory. */
const PAGE_HEADERS = {
  'content-security-policy':
    "default-src 'self'; img-src 'self' blob:; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
  'x-frame-options': 'DENY',
};

const FOREVER = 'public, max-age=31536000, immutable'; // names of assets change with their content

const TYPES: Readonly<Record<string, string>> = {
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
};

interface ConsoleFiles {
  readonly app: Buffer;
  readonly login: Buffer;
  /** By name below `assets/`. */
  readonly assets: ReadonlyMap<string, Buffer>;
}

let files: ConsoleFiles | undefined;

/** Read once, whole: a build under a running stack never mixes two versions, and no path of a request reaches the disk. */
function consoleFiles(): ConsoleFiles {
  files ??= readConsole(join(packageRoot, 'dist', 'console'));
  return files;
}

function readConsole(dir: string): ConsoleFiles {
  const assets = readdirSync(join(dir, 'assets'));
  return {
    app: readFileSync(join(dir, 'index.html')),
    login: readFileSync(join(dir, 'login.html')),
    assets: new Map(assets.map((name) => [name, readFileSync(join(dir, 'assets', name))])),
  };
}

/** P218-P220, P154: an asset, or the page whose script shows the room that the path names. */
function serve(request: AdminRequest, context: AdminContext): FastifyReply {
  const { params, reply } = request;
  const path = params['*'] ?? '';
  reply.headers(PAGE_HEADERS);
  if (path.startsWith('assets/')) return sendAsset(reply, path.slice('assets/'.length));
  const [room, ...rest] = path.split('/');
  if (room === 'explorer') return reply.redirect(functionAddress(rest));
  const page = needsLogin(request, context) ? consoleFiles().login : consoleFiles().app;
  return reply.type('text/html; charset=utf-8').send(page);
}

/** Where older addresses of functions lead (P220). A name is one segment there, percent-encoded. */
function functionAddress([runtime, ...name]: readonly string[]): string {
  if (runtime === undefined || name.length === 0) return '/console/functions';
  return `/console/functions/${encodeURIComponent(runtime)}/${encodeURIComponent(name.join('/'))}`;
}

function sendAsset(reply: FastifyReply, name: string): FastifyReply {
  const bytes = consoleFiles().assets.get(name);
  if (!bytes) throw new Problem(404, 'not found');
  return reply
    .header('cache-control', FOREVER)
    .type(TYPES[extname(name)] ?? 'application/octet-stream')
    .send(bytes);
}

/** A right token replaces the session (P157). */
function needsLogin({ caller }: AdminRequest, { uiState }: AdminContext): boolean {
  return uiState.settable.login_enabled && caller.user === null && caller.token !== 'right';
}

export const consoleEndpoints: readonly Endpoint[] = ['/console', '/console/*'].map((path) =>
  endpoint({ method: 'GET', path, access: 'ui', summary: 'The web console', handle: serve }),
);
