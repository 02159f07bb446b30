import { type IncomingMessage, request } from 'node:http';
import { FastfnError } from '../errors.ts';
import type { FoundStack } from './stacks.ts';

/** A stack as far as it can be asked. */
export type AskedStack = Pick<FoundStack, 'operatorSocket' | 'url' | 'pid'>;

/** Longer than any command's answer but that of `invoke`, which the function's own deadline ends. */
const SILENCE_MS = 30_000;

export interface ControlRequest {
  readonly method?: 'GET' | 'POST';
  /** Path and query below the host. */
  readonly path: string;
  /** Sent as JSON. */
  readonly body?: unknown;
  /** The answer may take as long as it takes. */
  readonly isPatient?: boolean;
}

export interface ControlAnswer {
  readonly status: number;
  /** The JSON document. */
  readonly document: unknown;
}

/** Asks the administration of a running stack, as its operator (P133). */
export async function ask(stack: AskedStack, asked: ControlRequest): Promise<ControlAnswer> {
  const response = await open(stack, asked);
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of response) chunks.push(chunk as Buffer);
  } catch (error) {
    throw gone(stack, error);
  }
  return { status: response.statusCode ?? 0, document: JSON.parse(Buffer.concat(chunks).toString()) };
}

/** The data of a stream of server-sent events, one event after the other; ends when the stack ends it or goes away. */
export async function* follow(stack: AskedStack, path: string): AsyncGenerator<string> {
  const response = await open(stack, { path, isPatient: true });
  response.setEncoding('utf8');
  let rest = '';
  try {
    for await (const chunk of response) {
      const blocks = (rest + (chunk as string)).split('\n\n');
      rest = blocks.pop()!;
      for (const block of blocks) {
        const lines = block.split('\n').filter((line) => line.startsWith('data: '));
        if (lines.length > 0) yield lines.map((line) => line.slice(6)).join('\n');
      }
    }
  } catch {
    // the stack was killed: its stream ends here too
  }
}

function open(stack: AskedStack, { method = 'GET', path, body, isPatient }: ControlRequest): Promise<IncomingMessage> {
  const bytes = body === undefined ? undefined : Buffer.from(JSON.stringify(body));
  const headers = bytes && { 'content-type': 'application/json', 'content-length': bytes.length };
  return new Promise((resolve, reject) => {
    const outgoing = request({ socketPath: stack.operatorSocket, method, path, headers: headers ?? {} }, resolve);
    if (!isPatient) outgoing.setTimeout(SILENCE_MS, () => outgoing.destroy(new Error(`no answer in ${SILENCE_MS} ms`)));
    outgoing.on('error', (error) => reject(gone(stack, error)));
    outgoing.end(bytes);
  });
}

function gone(stack: AskedStack, cause: unknown): FastfnError {
  const { code, message } = cause as NodeJS.ErrnoException;
  if (code === 'EACCES') {
    return new FastfnError(
      'STACK_UNREACHABLE',
      `the stack at ${stack.url} (pid ${stack.pid}) was started by another user`,
      {
        hint: 'Run this as the user who started it.',
        cause,
      },
    );
  }
  return new FastfnError(
    'STACK_UNREACHABLE',
    `the stack at ${stack.url} (pid ${stack.pid}) does not answer: ${message}`,
    {
      cause,
    },
  );
}
