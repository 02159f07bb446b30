import { randomInt } from 'node:crypto';
import { Agent, type IncomingMessage, request } from 'node:http';
import { join } from 'node:path';

/** Header that carries what no public request can say; only the listener of invocations reads it, and handlers never see it. */
const INVOCATION_HEADER = 'x-fn-invocation';
/** Names the function whose handler produced the answer; without it the answer is the platform's own problem document. */
const HANDLED_HEADER = 'x-fn-handled';

/** Without a body Node would announce a chunked one for every other method, as no client of a function does. */
const BODILESS_METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'DELETE', 'OPTIONS']);
const MAX_OUTPUT_BYTES = 1_048_576; // P214: of each of stdout and stderr
const MAX_ANSWER_BYTES = 64 * 1_048_576;
/** How long the last line of a handler's output may take after its answer; it comes over another connection. */
const OUTPUT_WAIT_MS = 1000;

/** A call that does not come from the public side (F167): `/_fn/invoke` and whatever else calls a function for the platform. */
export interface Invocation {
  /** Function key; null: whatever the path leads to. */
  readonly target: string | null;
  readonly method: string;
  /** Path and query as a client would send them. */
  readonly path: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: Buffer;
  /** `event.context.user`, which no public request can set. */
  readonly user?: Readonly<Record<string, unknown>> | undefined;
  /** `event.context.trigger`. */
  readonly trigger?: Readonly<Record<string, unknown>> | undefined;
  /** Ends the call: whoever asked for it has gone. */
  readonly signal?: AbortSignal | undefined;
}

/** What came back. */
export interface InvocationAnswer {
  /** Key of the function whose handler answered; null: the platform's own refusal or failure, a problem document. */
  readonly functionKey: string | null;
  readonly status: number;
  /** Lower-case names; values of repeated headers as a list. */
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
  readonly body: Buffer;
  readonly stdout: string;
  readonly stderr: string;
  readonly requestId: string;
  readonly latencyMs: number;
}

/** A line of output as the stack keeps it, secrets already hidden. */
export interface OutputLine {
  readonly requestId: string | null;
  readonly stream: 'stdout' | 'stderr' | null;
  readonly message: string;
  readonly isContinued: boolean;
  /** Nothing more follows for this request. */
  readonly isLast: boolean;
}

/** Calls functions through the gateway's own listener: same routing, limits and deadlines as public requests. */
export class Invoker {
  readonly #socketPath: string;
  readonly #agent = new Agent({ keepAlive: true });
  readonly #outputs = new Map<string, Output>();
  #count = randomInt(900_000);

  constructor(runDir: string) {
    this.#socketPath = join(runDir, 'invoke.sock');
  }

  /** Takes every line that functions print; keeps those of running invocations. */
  hear(line: OutputLine): void {
    if (line.requestId !== null) this.#outputs.get(line.requestId)?.add(line);
  }

  async invoke(invocation: Invocation): Promise<InvocationAnswer> {
    const requestId = this.#newId();
    const output = new Output();
    this.#outputs.set(requestId, output);
    const startedAt = performance.now();
    try {
      const { response, body } = await this.#send(invocation, requestId);
      const latencyMs = performance.now() - startedAt;
      const functionKey = (response.headers[HANDLED_HEADER] as string | undefined) ?? null;
      if (functionKey !== null) await output.ended(OUTPUT_WAIT_MS);
      return {
        functionKey,
        status: response.statusCode ?? 0,
        headers: headersOf(response),
        body,
        stdout: output.text('stdout'),
        stderr: output.text('stderr'),
        requestId,
        latencyMs,
      };
    } finally {
      this.#outputs.delete(requestId);
    }
  }

  close(): void {
    this.#agent.destroy();
  }

  /** The form of F1. */
  #newId(): string {
    this.#count = (this.#count + 1) % 1_000_000;
    return `req-${Date.now()}-${process.pid}-${String(this.#count).padStart(6, '0')}`;
  }

  #send(invocation: Invocation, id: string): Promise<{ response: IncomingMessage; body: Buffer }> {
    const { target, user, trigger } = invocation;
    const extra = user || trigger ? JSON.stringify({ user, trigger }) : undefined;
    const given = Buffer.from(JSON.stringify({ id, target: target ?? undefined, extra })).toString('base64');
    const headers = [...invocation.headers.flat(), INVOCATION_HEADER, given];
    const isBare = invocation.body.length === 0 && BODILESS_METHODS.has(invocation.method);
    if (!isBare) headers.push('content-length', String(invocation.body.length));
    return new Promise((resolve, reject) => {
      const outgoing = request(
        {
          socketPath: this.#socketPath,
          agent: this.#agent,
          method: invocation.method,
          path: invocation.path,
          headers,
          ...(invocation.signal && { signal: invocation.signal }),
        },
        (response) => {
          const chunks: Buffer[] = [];
          let size = 0;
          response.on('data', (chunk: Buffer) => {
            size += chunk.length;
            if (size > MAX_ANSWER_BYTES) outgoing.destroy(new Error(`the answer exceeds ${MAX_ANSWER_BYTES} bytes`));
            else chunks.push(chunk);
          });
          response.on('error', reject);
          response.on('end', () => resolve({ response, body: Buffer.concat(chunks) }));
        },
      );
      outgoing.on('error', reject);
      outgoing.end(invocation.body);
    });
  }
}

/** What one invocation prints, until its last line. */
class Output {
  readonly #parts = { stdout: [] as string[], stderr: [] as string[] };
  readonly #bytes = { stdout: 0, stderr: 0 };
  #finish: () => void = () => {};
  readonly #finished = new Promise<void>((resolve) => {
    this.#finish = resolve;
  });

  add({ stream, message, isContinued, isLast }: OutputLine): void {
    if (stream !== null && !(isLast && message === '')) {
      const text = isContinued ? message : `${message}\n`;
      this.#bytes[stream] += Buffer.byteLength(text);
      if (this.#bytes[stream] <= MAX_OUTPUT_BYTES) this.#parts[stream].push(text);
    }
    if (isLast) this.#finish();
  }

  text(stream: 'stdout' | 'stderr'): string {
    return this.#parts[stream].join('');
  }

  async ended(ms: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const overdue = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, ms);
    });
    await Promise.race([this.#finished, overdue]);
    clearTimeout(timer);
  }
}

/** Headers of the answer as the handler's client would see them. */
function headersOf({ headersDistinct }: IncomingMessage): Record<string, string | readonly string[]> {
  const shown: Record<string, string | readonly string[]> = {};
  for (const [name, values = []] of Object.entries(headersDistinct)) {
    if (name !== HANDLED_HEADER && name !== 'connection') shown[name] = values.length === 1 ? values[0]! : values;
  }
  return shown;
}
