import type { Platform } from '../../src/admin/platform.ts';
import { createAdminApp } from '../../src/admin/server.ts';
import { createMetrics } from '../../src/metrics/metrics.ts';
import type { AdminConfig } from '../../src/project/types.ts';

export const LOGIN: AdminConfig['login'] = {
  enabled: false,
  api: false,
  username: null,
  passwordHash: null,
  password: null,
  sessionSecret: null,
  sessionTtlSeconds: 3600,
};

export const ADMIN: AdminConfig = {
  api: true,
  docs: true,
  ui: false,
  write: false,
  localOnly: true,
  allowedHosts: [],
  token: null,
  login: LOGIN,
  rateLimits: {
    requests: { max: 0, windowSeconds: 60 },
    writes: { max: 0, windowSeconds: 60 },
    failures: { max: 0, windowSeconds: 60 },
  },
};

/** A platform without functions: enough for whatever is decided before a handler looks at it. */
export function emptyPlatform(admin: Partial<AdminConfig>): Platform {
  const config = {
    admin: { ...ADMIN, ...admin },
    functionsRoot: '/nowhere',
    runtimes: [],
    limits: {},
    openapi: {},
    logs: {},
  };
  const none: readonly never[] = [];
  const discovery = { functions: none, routes: none, conflicts: none, problems: none };
  const metrics = createMetrics({
    pool: { stats: () => ({ workers: none, starts: {}, exits: {} }) },
    gateway: { version: 1, flushed: async () => {}, load: async () => null },
    discovery: () => discovery,
  });
  return {
    config: config as unknown as Platform['config'],
    mode: 'native',
    url: 'http://127.0.0.1:8080',
    startedAt: 0,
    isDraining: false,
    discovery,
    metrics,
    scannedAt: 0,
    tableVersion: 1,
    functions: () => none,
    workers: () => none,
    loads: async () => ({}),
    runtimes: () => none,
    problems: () => none,
    watch: () => null,
    readLog: async () => none,
    reload: async () => ({ changed: none, tableVersion: 1 }),
    applyFiles: async () => {},
  } as unknown as Platform;
}

export const LOCAL = { host: '127.0.0.1:8080', 'x-fn-peer': '127.0.0.1', 'x-fn-client': '127.0.0.1' };
export const REMOTE = { host: 'fn.example.com', 'x-fn-peer': '203.0.113.9', 'x-fn-client': '203.0.113.9' };

/** Asks an admin application without a socket in between. */
export async function ask(
  app: ReturnType<typeof createAdminApp>,
  method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'DELETE' | 'OPTIONS',
  url: string,
  headers: Record<string, string>,
  payload?: string,
) {
  const answer = await app.inject({ method, url, headers, ...(payload !== undefined && { payload }) });
  return {
    status: answer.statusCode,
    headers: answer.headers,
    text: answer.body,
    json: () => JSON.parse(answer.body),
    error: answer.headers['content-type'] === 'application/problem+json' ? JSON.parse(answer.body).error : null,
  };
}

export { createAdminApp };
