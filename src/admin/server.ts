import { chmod, rm } from 'node:fs/promises';
import fastify, { type FastifyError, type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import type * as z from 'zod';
import { OpenApiPublication } from '../openapi/publication.ts';
import { checkToken, GATEWAY_HEADERS, isLocalRequest, readChangeRequest } from './caller.ts';
import { ChangeQueue } from './change-queue.ts';
import type { AdminContext, AdminRequest, Endpoint, Method } from './endpoint.ts';
import { ENDPOINTS } from './endpoints.ts';
import { type AccessClass, admit, type Caller, permitChange } from './guard.ts';
import { parseBody } from './json-body.ts';
import { internalOperations } from './openapi-operations.ts';
import type { Platform } from './platform.ts';
import { Problem } from './problem.ts';
import { RateLimit } from './rate-limits.ts';
import { Sessions } from './sessions.ts';
import { UiState } from './ui-state.ts';

const MAX_BODY_BYTES = 131_072; // P164
const METHODS: readonly Method[] = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'];
/** Routers of fastify know these too; none of ours answers them. */
const OTHER_METHODS = ['OPTIONS', 'TRACE'] as const;

/** P92: on every answer of the platform. */
const PLATFORM_HEADERS = {
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cache-control': 'no-store',
};

export interface AdminServer {
  close(): Promise<void>;
}

/** Serves the admin API, the API docs and the console on a Unix socket that only nginx (and root) can reach. */
export async function startAdminServer(socketPath: string, platform: Platform): Promise<AdminServer> {
  const app = createAdminApp(platform);
  await rm(socketPath, { force: true });
  await app.listen({ path: socketPath });
  await chmod(socketPath, 0o600);
  return {
    async close() {
      app.server.closeAllConnections(); // live log streams never end by themselves
      await app.close();
    },
  };
}

/** What the guard found out about a request, kept for its handler. */
interface Admission {
  readonly caller: Caller;
  readonly client: string;
}

/** The application without a socket: for tests of the guard. */
export function createAdminApp(platform: Platform): FastifyInstance {
  const { admin } = platform.config;
  const { metrics } = platform;
  const uiState = new UiState(admin);
  const sessions = new Sessions(admin.login);
  const requests = new RateLimit(admin.rateLimits.requests);
  const writes = new RateLimit(admin.rateLimits.writes);
  const failures = new RateLimit(admin.rateLimits.failures);
  const { includeInternal, title, version } = platform.config.openapi;
  const internal = includeInternal ? internalOperations(ENDPOINTS) : undefined;
  const openApi = new OpenApiPublication({ title, version, internal });
  const context: AdminContext = {
    platform,
    sessions,
    uiState,
    changes: new ChangeQueue(),
    openApi,
    countFailure(client) {
      failures.count(client);
      metrics.count('fastfn_auth_failures_total', { kind: 'admin_login' });
    },
  };
  const admissions = new WeakMap<FastifyRequest, Admission>();

  const app = fastify({
    genReqId: (request) => String(request.headers[GATEWAY_HEADERS.requestId] ?? ''),
    exposeHeadRoutes: true,
    bodyLimit: MAX_BODY_BYTES,
    routerOptions: { maxParamLength: 512 },
    forceCloseConnections: true,
    http: { requireHostHeader: false }, // a request without one is not local (P131), not malformed
  });
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/json', { parseAs: 'string' }, async (_request: FastifyRequest, text: string) =>
    parseBody(text),
  );

  app.addHook('onRequest', async (request, reply) => {
    reply.headers({ ...PLATFORM_HEADERS, 'x-request-id': request.id });
    const access = accessOf(request);
    const caller = readCaller(request);
    const client = String(request.headers[GATEWAY_HEADERS.client] ?? '');
    if (caller.token === 'wrong') metrics.count('fastfn_auth_failures_total', { kind: 'admin_token' });
    admissions.set(request, { caller, client });
    if (access !== 'open') limitRate(caller, client, access);
    const refusal = admit(uiState.flags, caller, access);
    if (refusal) throw refusal;
    checkRoute(request);
    if (!changes(access)) return;
    const refusedChange = permitChange(uiState.flags, caller, access, readChangeRequest(request.headers));
    if (refusedChange) throw refusedChange;
  });

  app.addHook('onResponse', async (_request, { statusCode }) =>
    metrics.count('fastfn_admin_requests_total', { code: String(statusCode) }),
  );

  /** P160: callers that are not local, in the place that P135 gives it. */
  function limitRate(caller: Caller, client: string, access: AccessClass): void {
    if (caller.isLocal) return;
    const overdue = [requests, ...(changes(access) ? [writes] : [])].find((limit) => limit.waitSeconds(client) > 0);
    const seconds = Math.max(overdue?.waitSeconds(client) ?? 0, failures.waitSeconds(client));
    if (seconds > 0) throw tooMany(seconds);
    requests.count(client);
    if (changes(access)) writes.count(client);
    if (caller.token === 'wrong') failures.count(client);
  }

  function readCaller({ headers }: FastifyRequest): Caller {
    return {
      isLocal: isLocalRequest(headers, admin.allowedHosts),
      token: checkToken(headers, admin.token),
      user: sessions.read(headers.cookie),
    };
  }

  function toAdminRequest(request: FastifyRequest, reply: FastifyReply, endpoint: Endpoint): AdminRequest {
    const { caller, client } = admissions.get(request) as Admission;
    return {
      query: endpoint.query ? parse(endpoint.query, request.query) : {},
      body: endpoint.body ? parse(endpoint.body, request.body) : undefined,
      params: request.params as Record<string, string>,
      headers: request.headers,
      id: request.id,
      caller,
      flags: uiState.flags,
      client,
      isSecure: request.headers[GATEWAY_HEADERS.scheme] === 'https',
      reply,
    };
  }

  for (const endpoint of ENDPOINTS) {
    app.route({
      method: endpoint.method,
      url: endpoint.path,
      bodyLimit: endpoint.maxBodyBytes ?? MAX_BODY_BYTES,
      config: { endpoint },
      handler: async (request, reply) => endpoint.handle(toAdminRequest(request, reply, endpoint), context),
    });
  }
  for (const [path, taken] of methodsByPath()) {
    const others = [...METHODS.filter((method) => !taken.includes(method)), ...OTHER_METHODS];
    const access = ENDPOINTS.find((endpoint) => endpoint.path === path)!.access;
    app.route({ method: others, url: path, config: { access, allow: allowHeader(taken) }, handler: async () => {} });
  }
  app.setNotFoundHandler(async () => {
    throw new Problem(404, 'not found');
  });
  app.setErrorHandler((error, request, reply) => sendProblem(toProblem(error as FastifyError), request, reply));
  return app;
}

interface RouteConfig {
  readonly endpoint?: Endpoint;
  readonly access?: AccessClass;
  readonly allow?: string;
}

function configOf(request: FastifyRequest): RouteConfig {
  return (request.routeOptions.config ?? {}) as RouteConfig;
}

function accessOf(request: FastifyRequest): AccessClass {
  const { endpoint, access } = configOf(request);
  return endpoint?.access ?? access ?? 'read';
}

function changes(access: AccessClass): boolean {
  return access === 'exec' || access === 'write' || access === 'session';
}

/** Unknown path, then unknown method (P135, P206). */
function checkRoute(request: FastifyRequest): void {
  if (request.is404) throw new Problem(404, 'not found');
  const { allow } = configOf(request);
  if (allow !== undefined) throw new Problem(405, 'method not allowed', { headers: { allow } });
}

function methodsByPath(): Map<string, Method[]> {
  const paths = new Map<string, Method[]>();
  for (const { path, method } of ENDPOINTS) paths.set(path, [...(paths.get(path) ?? []), method]);
  return paths;
}

function allowHeader(methods: readonly Method[]): string {
  return methods.flatMap((method) => (method === 'GET' ? ['GET', 'HEAD'] : [method])).join(', ');
}

function tooMany(seconds: number): Problem {
  return new Problem(429, 'rate limit exceeded', { headers: { 'retry-after': String(seconds) } });
}

/** Input that a schema refuses: the schema's own text where it gives one, else the path of the member (P161). */
function parse<T>(schema: z.ZodType<T>, input: unknown): T {
  const result = schema.safeParse(input);
  if (result.success) return result.data;
  const issue = result.error.issues[0]!;
  const member = issue.path.join('.');
  const text = issue.message.startsWith('invalid ') || issue.message.includes(' must be ') ? issue.message : undefined;
  throw new Problem(400, text ?? (member === '' ? 'invalid request' : `invalid ${member}`), {
    detail: text === undefined ? issue.message : undefined,
  });
}

function toProblem(error: FastifyError | Problem): Problem {
  if (error instanceof Problem) return error;
  if (error.code === 'FST_ERR_CTP_BODY_TOO_LARGE') return new Problem(413, 'payload too large');
  const status = error.statusCode ?? 500;
  if (status >= 500) return new Problem(500, 'internal error');
  return new Problem(status, status === 415 ? 'content type must be application/json' : 'bad request');
}

function sendProblem(problem: Problem, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  return reply
    .code(problem.status)
    .headers(problem.headers)
    .type('application/problem+json')
    .send(Buffer.from(JSON.stringify(problem.toDocument(request.id)))); // fastify would add a charset to text
}
