import { isUtf8 } from 'node:buffer';
import type { InvocationAnswer } from '../../gateway/invoker.ts';
import { type AdminContext, type AdminRequest, endpoint } from '../endpoint.ts';
import { chooseTemplate, encodeBody, fillTemplate, InvokeBody, withQuery } from '../invoke-request.ts';
import type { FunctionStatus } from '../platform.ts';
import { Problem } from '../problem.ts';
import { resolveTarget, TargetQuery } from '../target.ts';

/** Calls carry their own body and its base64: this bounds memory, the function's own limit decides (413). */
const MAX_BODY_BYTES = 64 * 1_048_576;
const USER_AGENT = 'fastfn-console-invoke'; // P214
/** What the connection between us and the gateway decides. */
const OWN_HEADERS = new Set(['content-length', 'transfer-encoding', 'connection', 'user-agent', 'x-fn-invocation']);

/** P188, P214. */
export const invokeEndpoints = [
  endpoint({
    method: 'POST',
    path: '/_fn/invoke',
    access: 'exec',
    summary: 'Calls a function',
    body: InvokeBody,
    maxBodyBytes: MAX_BODY_BYTES,
    handle: invoke,
  }),
];

async function invoke({ body, reply }: AdminRequest<unknown, InvokeBody>, { platform }: AdminContext) {
  const target = findTarget(body, platform);
  const key = target?.definition.key ?? null;
  const routes = platform.discovery.routes.filter(({ functionKey }) => functionKey === key);
  const template = chooseTemplate(body, routes);
  const route = withQuery(fillTemplate(template, body.params), body.query);
  const { bytes, type } = encodeBody(body);
  const gone = new AbortController();
  reply.raw.on('close', () => gone.abort());
  const answer = await platform.invoke({
    target: key,
    method: body.method,
    path: route,
    headers: headersOf(body, type, new URL(platform.url).host),
    body: bytes,
    user: body.context ?? undefined,
    signal: gone.signal,
  });
  if (answer.functionKey === null) throw asProblem(answer);
  return {
    status: answer.status,
    latency_ms: roundedMs(answer),
    route,
    route_template: template,
    headers: answer.headers,
    ...shownBody(answer.body),
    ...(answer.stdout !== '' && { stdout: answer.stdout }),
    ...(answer.stderr !== '' && { stderr: answer.stderr }),
    request_id: answer.requestId,
    function: answer.functionKey,
  };
}

function findTarget(body: InvokeBody, platform: AdminContext['platform']): FunctionStatus | null {
  if (body.name === undefined) {
    if (body.route == null) throw new Problem(400, 'invalid function', { detail: 'give name, or route alone' });
    return null;
  }
  const { name, runtime, version } = body;
  const parsed = TargetQuery.safeParse({ name, runtime: runtime ?? undefined, version: version ?? undefined });
  if (!parsed.success) throw new Problem(400, parsed.error.issues[0]!.message);
  return resolveTarget(platform, parsed.data);
}

function headersOf(body: InvokeBody, type: string | null, host: string): (readonly [string, string])[] {
  const given = Object.entries(body.headers ?? {})
    .filter(([name]) => !OWN_HEADERS.has(name.toLowerCase()))
    .flatMap(([name, value]) => [value].flat().map((item) => [name, item] as const));
  const has = (wanted: string) => given.some(([name]) => name.toLowerCase() === wanted);
  return [
    ...(has('host') ? [] : [['host', host] as const]),
    ['user-agent', USER_AGENT],
    ...(type === null || has('content-type') ? [] : [['content-type', type] as const]),
    ...given,
  ];
}

function shownBody(body: Buffer): Record<string, unknown> {
  return isUtf8(body) ? { body: body.toString() } : { is_base64: true, body_base64: body.toString('base64') };
}

function roundedMs({ latencyMs }: InvocationAnswer): number {
  return Math.round(latencyMs * 1000) / 1000;
}

/** The gateway's refusal, with its own status (P214). */
function asProblem(answer: InvocationAnswer): Problem {
  const document = JSON.parse(answer.body.toString()) as { error: string; detail?: string };
  const { allow, 'retry-after': retryAfter } = answer.headers;
  return new Problem(answer.status, document.error, {
    detail: document.detail,
    headers: {
      ...(allow !== undefined && { allow: String(allow) }),
      ...(retryAfter !== undefined && { 'retry-after': String(retryAfter) }),
    },
    members: {
      latency_ms: roundedMs(answer),
      ...(answer.status === 405 && allow !== undefined && { allowed_methods: String(allow).split(', ') }),
    },
  });
}
