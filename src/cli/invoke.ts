import { isUtf8 } from 'node:buffer';
import { readFile } from 'node:fs/promises';
import { STATUS_CODES } from 'node:http';
import { resolve } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { ask } from '../control/client.ts';
import { ExitCode, FastfnError } from '../errors.ts';
import { isObject, type JsonObject } from '../functions/json-value.ts';
import { suggest } from '../functions/nearest.ts';
import { RUNTIMES } from '../functions/types.ts';
import type { CommandRun } from './commands.ts';
import { requireStack } from './find-stack.ts';
import { loadInvokedProject, workingDirectory } from './load-project.ts';
import type { Invocation, Terminal } from './terminal.ts';

/** What a call gave (P214). */
interface Envelope {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
  readonly body?: string;
  readonly body_base64?: string;
  readonly stdout?: string;
  readonly stderr?: string;
  readonly function: string;
}

/** Why there was no call. */
interface Refusal {
  readonly error: string;
  readonly detail?: string;
  readonly missing_params?: readonly string[];
  readonly allowed_methods?: readonly string[];
}

/** `fastfn invoke TARGET` (P19): calls a function of the running stack, past what only concerns the public side. */
export const invoke: CommandRun = async (invocation, terminal) => {
  const { flags } = invocation;
  const body = await describeCall(invocation, terminal);
  const config = await loadInvokedProject('dev', { ...invocation, args: [] }, terminal);
  const stack = await requireStack(config, invocation);
  const { status, document } = await ask(stack, { method: 'POST', path: '/_fn/invoke', body, isPatient: true });
  if (flags.json) terminal.out.text(`${JSON.stringify(document, null, 2)}\n`);
  if (status !== 200) throw refused(document as Refusal);
  const answer = document as Envelope;
  for (const text of [answer.stdout, answer.stderr]) if (text !== undefined) terminal.err.text(withLineEnd(text));
  if (!flags.json) show(answer, flags.include === true, terminal);
  if (answer.status < 400) return ExitCode.ok;
  throw new FastfnError('INVOKE_FAILED', `${answer.function} answered ${answer.status}`);
};

/** The body of `POST /_fn/invoke`. */
async function describeCall(invocation: Invocation, terminal: Terminal): Promise<JsonObject> {
  const { args, flags } = invocation;
  const data = flags.data === undefined ? null : await readData(flags.data as string, invocation, terminal);
  const headers = pairs(flags.header, '--header', ':');
  const isTyped = Object.keys(headers).some((name) => name.toLowerCase() === 'content-type');
  if (data !== null && !isTyped && isJson(data)) headers['content-type'] = ['application/json'];
  return {
    ...targetOf(args[0]!, flags),
    method: ((flags.method as string | undefined) ?? (data === null ? 'GET' : 'POST')).toUpperCase(),
    query: pairs(flags.query, '--query', '='),
    params: Object.fromEntries(
      Object.entries(pairs(flags.param, '--param', '=')).map(([name, values]) => [name, values.at(-1)!]),
    ),
    headers,
    ...(data !== null &&
      (isUtf8(data) ? { body: data.toString() } : { body: data.toString('base64'), is_base64: true })),
    ...(flags.context !== undefined && { context: parseContext(flags.context as string) }),
  };
}

/** A path, a name, or a key `<runtime>/<name>@<version>`. */
function targetOf(target: string, { runtime, 'fn-version': version }: Invocation['flags']): JsonObject {
  if (runtime !== undefined && !(RUNTIMES as readonly unknown[]).includes(runtime)) {
    throw new FastfnError('USAGE', `unknown runtime "${runtime}"${suggest(runtime as string, RUNTIMES)}`);
  }
  if (target.startsWith('/')) {
    if (runtime === undefined && version === undefined) return { route: target };
    throw new FastfnError('USAGE', '--runtime and --fn-version choose among functions of a name; a path needs neither');
  }
  const key = /^(?:([a-z]+)\/)?(.+?)(?:@([^@]+))?$/.exec(target);
  const isKey = key?.[3] !== undefined && (RUNTIMES as readonly unknown[]).includes(key[1]);
  const given = isKey ? { runtime: key[1]!, name: key[2]! } : { name: target.replace(/@[^@]+$/, '') };
  const label = version ?? key?.[3];
  return {
    ...given,
    ...(runtime !== undefined && { runtime }),
    ...(label !== undefined && { version: label }),
  } as JsonObject;
}

async function readData(data: string, { flags }: Invocation, terminal: Terminal): Promise<Buffer> {
  if (data === '-') return buffer(process.stdin);
  if (!data.startsWith('@')) return Buffer.from(data);
  const file = resolve(await workingDirectory(flags.cwd as string | undefined, terminal.cwd), data.slice(1));
  return readFile(file).catch((cause: Error) => {
    throw new FastfnError('USAGE', `--data: ${data.slice(1)} cannot be read`, { hint: cause.message, cause });
  });
}

/** `name=value` flags by name, in their order. */
function pairs(given: Invocation['flags'][string], flag: string, separator: string): Record<string, string[]> {
  const found: Record<string, string[]> = {};
  for (const text of (given ?? []) as readonly string[]) {
    const at = text.indexOf(separator);
    if (at <= 0) throw new FastfnError('USAGE', `${flag}: "${text}" is not name${separator}value`);
    const name = text.slice(0, at).trim();
    const value = separator === ':' ? text.slice(at + 1).trim() : text.slice(at + 1);
    found[name] = [...(found[name] ?? []), value];
  }
  return found;
}

function parseContext(text: string): JsonObject {
  const value = parseJson(text);
  if (isObject(value)) return value;
  throw new FastfnError('USAGE', `--context: ${text} is not a JSON object`);
}

function isJson(data: Buffer): boolean {
  return /^\s*[[{]/.test(data.toString('utf8', 0, 100)) && parseJson(data.toString()) !== undefined;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function show({ status, headers, body, body_base64: encoded }: Envelope, isFull: boolean, { out }: Terminal): void {
  if (isFull) {
    const lines = Object.entries(headers).flatMap(([name, value]) => [value].flat().map((item) => `${name}: ${item}`));
    out.text(`${[`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`, ...lines, ''].join('\n')}\n`);
  }
  if (encoded !== undefined) out.text(Buffer.from(encoded, 'base64'));
  else if (body !== undefined) out.text(out.isTerminal && body !== '' ? withLineEnd(body) : body);
}

function withLineEnd(text: string): string {
  return text.endsWith('\n') ? text : `${text}\n`;
}

function refused({ error, detail, missing_params: missing, allowed_methods: allowed }: Refusal): FastfnError {
  const hints = [
    detail,
    missing && `Give ${missing.map((name) => `-p ${name}=…`).join(' ')}.`,
    allowed && `Allowed: ${allowed.join(', ')}.`,
  ].filter((hint) => hint !== undefined);
  return new FastfnError('INVOKE_FAILED', error, { hint: hints[0] });
}
