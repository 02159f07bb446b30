import { chmod, rm } from 'node:fs/promises';
import fastify, { type FastifyError, type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import type * as z from 'zod';
import { OpenApiPublication } from '../openapi/publication.ts';
import { GATEWAY_HEADERS } from './caller.ts';
import { ChangeQueue } from './change-queue.ts';
import { type Admission, changes, type Door, GatewayDoor, OPERATOR_DOOR } from './door.ts';
import type { AdminContext, AdminRequest, Endpoint, Method } from './endpoint.ts';
import { ENDPOINTS, OPERATOR_ENDPOINTS } from './endpoints.ts';
import type { AccessClass } from './guard.ts';
import { parseBody } from './json-body.ts';
import { internalOperations } from './openapi-operations.ts';
import type { Platform } from './platform.ts';
import { Problem } from './problem.ts';
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

/** Where the admin API is served: to whom each socket is open is a matter of its file's mode (0600) and owner. */
export interface AdminSockets {
  /** For nginx, which says of every request whom it is of. */
  readonly gateway: string;
  /** For the command line of whoever started the stack (P133). */
  readonly operator: string;
}

/** Serves the admin API, the API docs and the console on Unix sockets that only nginx, the operator and root can reach. */
export async function startAdminServer(sockets: AdminSockets, platform: Platform): Promise<AdminServer> {
  const { context, door } = createServices(platform);
  const gateway = createApp(context, door, ENDPOINTS);
  const operator = createApp(context, OPERATOR_DOOR, [...ENDPOINTS, ...OPERATOR_ENDPOINTS]);
  await listen(gateway, sockets.gateway);
  await listen(operator, sockets.operator);
  return {
    async close() {
      for (const app of [gateway, operator]) {
        app.server.closeAllConnections(); // live log streams never end by themselves
        await app.close();
      }
    },
  };
}

async function listen(app: FastifyInstance, path: string): Promise<void> {
  await rm(path, { force: true });
  await app.listen({ path });
  await chmod(path, 0o600);
}

/** The gateway's application without a socket: for tests of the guard. */
export function createAdminApp(platform: Platform): FastifyInstance {
  const { context, door } = createServices(platform);
  return createApp(context, door, ENDPOINTS);
}

/** What the applications of one stack share. */
function createServices(platform: Platform): { readonly context: AdminContext; readonly door: GatewayDoor } {
  const { config, metrics } = platform;
  const uiState = new UiState(config.admin);
  const sessions = new Sessions(config.admin.login);
  const door = new GatewayDoor(config.admin, metrics, uiState, sessions);
  const { includeInternal, title, version } = config.openapi;
  const internal = includeInternal ? internalOperations(ENDPOINTS) : undefined;
  const context: AdminContext = {
    platform,
    sessions,
    uiState,
    changes: new ChangeQueue(),
    openApi: new OpenApiPublication({ title, version, internal }),
    countFailure(client) {
      door.failures.count(client);
      metrics.count('fastfn_auth_failures_total', { kind: 'admin_login' });
    },
  };
  return { context, door };
}

function createApp(context: AdminContext, door: Door, endpoints: readonly Endpoint[]): FastifyInstance {
  const { uiState } = context;
  const { metrics } = context.platform;
  const admissions = new WeakMap<FastifyRequest, Admission>();

  const app = fastify({
    genReqId: ({ headers }) => door.requestId(headers),
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
    const admission = door.admit(request.headers, access);
    admissions.set(request, admission);
    checkRoute(request);
    if (changes(access)) door.permit(request.headers, access, admission);
  });

  app.addHook('onResponse', async (_request, { statusCode }) =>
    metrics.count('fastfn_admin_requests_total', { code: String(statusCode) }),
  );

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

  for (const endpoint of endpoints) {
    app.route({
      method: endpoint.method,
      url: endpoint.path,
      bodyLimit: endpoint.maxBodyBytes ?? MAX_BODY_BYTES,
      config: { endpoint },
      handler: async (request, reply) => endpoint.handle(toAdminRequest(request, reply, endpoint), context),
    });
  }
  for (const [path, taken] of methodsByPath(endpoints)) {
    const others = [...METHODS.filter((method) => !taken.includes(method)), ...OTHER_METHODS];
    const access = endpoints.find((endpoint) => endpoint.path === path)!.access;
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

/** Unknown path, then unknown method (P135, P206). */
function checkRoute(request: FastifyRequest): void {
  if (request.is404) throw new Problem(404, 'not found');
  const { allow } = configOf(request);
  if (allow !== undefined) throw new Problem(405, 'method not allowed', { headers: { allow } });
}

function methodsByPath(endpoints: readonly Endpoint[]): Map<string, Method[]> {
  const paths = new Map<string, Method[]>();
  for (const { path, method } of endpoints) paths.set(path, [...(paths.get(path) ?? []), method]);
  return paths;
}

function allowHeader(methods: readonly Method[]): string {
  return methods.flatMap((method) => (method === 'GET' ? ['GET', 'HEAD'] : [method])).join(', ');
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
