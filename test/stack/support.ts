import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { packageRoot } from '../../src/package-root.ts';
import { loadProject } from '../../src/project/load.ts';
import type { ProjectConfig } from '../../src/project/types.ts';

/** Generous: these machines are shared; a test that needs this long is a failure that wants to be seen as one. */
const DEADLINE_MS = 20_000;
const POLL_MS = 10;

export type Files = Readonly<Record<string, string | Buffer | object>>;

/** An answer with its body as bytes. */
export interface Answer {
  readonly status: number;
  readonly headers: Record<string, string | string[] | undefined>;
  readonly rawHeaders: readonly string[];
  readonly bytes: Buffer;
  readonly text: string;
  json(): any;
}

export interface RequestOptions {
  readonly method?: string;
  readonly headers?: Record<string, string | string[]>;
  readonly body?: string | Buffer;
  readonly signal?: AbortSignal;
}

/** Writes files below a folder; objects as JSON, `fn.env.json` private. */
export function writeFiles(dir: string, files: Files): void {
  for (const [name, content] of Object.entries(files)) {
    const path = join(dir, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, typeof content === 'string' || Buffer.isBuffer(content) ? content : JSON.stringify(content));
    if (name.endsWith('fn.env.json')) chmodSync(path, 0o600);
  }
}

/** A temporary folder, removed by `remove`. */
export function makeTempDir(): { readonly path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), 'fastfn-test-'));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

/** How a stack is started: arguments beside `--native` (which Docker mode goes without), environment, command. */
export interface StackOptions {
  readonly args?: readonly string[];
  readonly env?: Record<string, string>;
  readonly command?: 'dev' | 'run';
  readonly mode?: 'native' | 'docker';
}

/** A real stack: the built command line, nginx, workers, on a free port over a temporary folder. */
export class TestStack {
  readonly dir: string;
  readonly base: string;
  readonly #child: ChildProcess;
  #stdout = '';
  #stderr = '';
  #exit: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  url = '';

  private constructor(base: string, dir: string, child: ChildProcess) {
    this.base = base;
    this.dir = dir;
    this.#child = child;
    child.stdout?.on('data', (chunk: Buffer) => {
      this.#stdout += chunk.toString();
    });
    child.stderr?.on('data', (chunk: Buffer) => {
      this.#stderr += chunk.toString();
    });
    this.#exit = new Promise((resolve) => child.once('exit', (code, signal) => resolve({ code, signal })));
  }

  /** Starts a stack over `files` and waits for its ready line. */
  static async start(files: Files, options: StackOptions = {}): Promise<TestStack> {
    const stack = TestStack.spawn(files, options);
    await stack.untilReady();
    return stack;
  }

  /** Starts without waiting: for stacks that are expected to fail. */
  static spawn(files: Files, options: StackOptions = {}): TestStack {
    const base = mkdtempSync(join(tmpdir(), 'fastfn-test-'));
    const dir = join(base, 'project');
    mkdirSync(dir);
    writeFiles(dir, files);
    return TestStack.over(base, dir, options);
  }

  /** A stack over a folder that exists already. */
  static over(base: string, dir: string, options: StackOptions = {}): TestStack {
    const args = options.args ?? ['--port', '0'];
    const child = spawn(
      process.execPath,
      [
        join(packageRoot, 'bin/fastfn.js'),
        options.command ?? 'dev',
        ...(options.mode === 'docker' ? [] : ['--native']),
        ...args,
      ],
      {
        cwd: dir,
        env: {
          ...process.env,
          FN_STATE_DIR: join(base, 'state'),
          FN_RUN_DIR: join(base, 'run'),
          FN_STORE_DIR: process.env.FASTFN_TEST_STORE ?? join(tmpdir(), 'fastfn-test-store'),
          PIP_RETRIES: '0',
          ...options.env,
        },
        stdio: ['ignore', 'pipe', 'pipe'],
      },
    );
    return new TestStack(base, dir, child);
  }

  get pid(): number {
    return this.#child.pid as number;
  }

  get stdout(): string {
    return this.#stdout;
  }

  get stderr(): string {
    return this.#stderr;
  }

  get output(): string {
    return this.#stdout + this.#stderr;
  }

  get exited(): Promise<{ code: number | null; signal: NodeJS.Signals | null }> {
    return this.#exit;
  }

  get port(): number {
    return Number(new URL(this.url).port);
  }

  get runDir(): string {
    return join(this.base, 'run');
  }

  async untilReady(): Promise<void> {
    let gone = false;
    void this.#exit.then(() => {
      gone = true;
    });
    await until(() => {
      const match =
        /FastFN ready at (http:\/\/\S+)/.exec(this.#stdout) ?? /"url":"(http:\/\/[^"]+)"/.exec(this.#stdout);
      if (match) this.url = match[1] as string;
      if (gone && !match) throw new Error(`the stack ended before it was ready:\n${this.output}`);
      return match !== null;
    }, `the stack is ready:\n${this.output}`);
  }

  get(path: string, options: RequestOptions = {}): Promise<Answer> {
    return send(this.url, path, options);
  }

  write(files: Files): void {
    writeFiles(this.dir, files);
  }

  /** run.json as it is now. */
  runFile(): { readonly pid: number; readonly children: readonly { readonly pid: number; readonly role: string }[] } {
    return JSON.parse(readFileSync(join(this.runDir, 'run.json'), 'utf8'));
  }

  /** Pids of the workers of a function (`<name>` part of its key). */
  workers(name: string): number[] {
    return this.runFile()
      .children.filter(({ role }) => role.includes(`/${name}@`))
      .map(({ pid }) => pid);
  }

  /** Every process of the stack: the supervisor, its children, their children. */
  processes(): number[] {
    return [
      this.pid,
      ...descendants(this.pid),
      ...this.runFile().children.flatMap(({ pid }) => [pid, ...descendants(pid)]),
    ];
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Ends the stack and removes its folders; resolves with its exit. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<{ code: number | null; signal: NodeJS.Signals | null }> {
    this.#child.kill(signal);
    const overdue = setTimeout(() => this.#child.kill('SIGKILL'), DEADLINE_MS);
    const exit = await this.#exit;
    clearTimeout(overdue);
    rmSync(this.base, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 }); // a watchdog may still be at it
    return exit;
  }
}

/** One HTTP request on a connection of its own. */
export function send(url: string, path: string, options: RequestOptions = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const { hostname, port } = new URL(url);
    const outgoing = request(
      {
        host: hostname,
        port,
        path,
        method: options.method ?? 'GET',
        headers: options.headers ?? {},
        agent: false,
        ...(options.signal && { signal: options.signal }),
      },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () => {
          const bytes = Buffer.concat(chunks);
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            rawHeaders: response.rawHeaders,
            bytes,
            text: bytes.toString(),
            json: () => JSON.parse(bytes.toString()),
          });
        });
      },
    );
    outgoing.on('error', reject);
    outgoing.end(options.body);
  });
}

type Truthy<T> = Exclude<T, false | null | undefined | 0 | ''>;

/** Polls until `condition` is truthy and returns its value; fails with `what` after the deadline. */
export async function until<T>(
  condition: () => T | Promise<T>,
  what: string,
  deadlineMs = DEADLINE_MS,
): Promise<Truthy<T>> {
  const deadline = performance.now() + deadlineMs;
  for (;;) {
    const value = await condition();
    if (value) return value as Truthy<T>;
    if (performance.now() > deadline) throw new Error(`gave up waiting until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

export function isAlive(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2, stat.lastIndexOf(')') + 3) !== 'Z';
  } catch {
    return false;
  }
}

function descendants(pid: number): number[] {
  const path = `/proc/${pid}/task/${pid}/children`;
  if (!existsSync(path)) return [];
  const children = readFileSync(path, 'utf8').trim().split(' ').filter(Boolean).map(Number);
  return children.flatMap((child) => [child, ...descendants(child)]);
}

/** A validated configuration of `dev --native` over a folder, with state and logs in it. */
export function testConfig(dir: string, env: Record<string, string> = {}): Promise<ProjectConfig> {
  return loadProject({
    command: 'dev',
    flags: { native: true },
    env: { FN_STATE_DIR: join(dir, 'state'), FN_STORE_DIR: join(dir, 'store'), ...env },
    cwd: dir,
    isTerminal: false,
  });
}

/** A port that nobody listens on at the moment. */
export function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer();
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}
