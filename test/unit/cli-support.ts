import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process';
import { cpSync, symlinkSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { temporaryFolder } from './config-support.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const COPIED = ['bin', 'docker', 'helpers', 'openresty', 'runtimes', 'templates', 'package.json'];
const MAX_OUTPUT_BYTES = 16 * 1024 * 1024;
const LINKED = ['src', 'node_modules'];

/** Builds the package with its own build script into a folder of this test, and returns the path of its executable. */
export function buildPackage(): string {
  const folder = temporaryFolder();
  for (const name of COPIED) cpSync(join(ROOT, name), join(folder, name), { recursive: true });
  for (const name of LINKED) symlinkSync(join(ROOT, name), join(folder, name));
  execFileSync(process.execPath, [join(ROOT, 'scripts/build.mjs')], { cwd: folder, stdio: 'inherit' });
  return join(folder, 'bin/fastfn.js');
}

/** Bundles one TypeScript program of test/fixtures. */
export async function buildFixture(name: string): Promise<string> {
  const outfile = join(temporaryFolder(), 'program.mjs');
  const entry = join(ROOT, 'test/fixtures', name);
  await build({
    entryPoints: [entry],
    outfile,
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    logLevel: 'error',
  });
  return outfile;
}

export interface Result {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end, without a terminal. */
export function runToEnd(
  program: string,
  args: readonly string[],
  options: { cwd: string; env?: NodeJS.ProcessEnv },
): Promise<Result> {
  const env = options.env ?? cleanEnvironment(options.cwd);
  return new Promise((resolve) => {
    const settings = { cwd: options.cwd, env, maxBuffer: MAX_OUTPUT_BYTES };
    const child = execFile(process.execPath, [program, ...args], settings, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : ((error as { code?: number }).code ?? null), stdout, stderr });
    });
    child.stdin?.end();
  });
}

/**
 * What FastFN needs of this machine and nothing that could change its settings: programs, and what npm and pip must know to
 * reach their registries. pip asks an index that does not answer once only.
 */
export function cleanEnvironment(home: string): NodeJS.ProcessEnv {
  const { PATH, NODE_EXTRA_CA_CERTS } = process.env;
  const certificates = NODE_EXTRA_CA_CERTS === undefined ? {} : { NODE_EXTRA_CA_CERTS };
  return { PATH, HOME: home, PIP_RETRIES: '0', NPM_CONFIG_USERCONFIG: join(homedir(), '.npmrc'), ...certificates };
}

/** A running program whose output can be waited for. */
export class Running {
  readonly child: ChildProcess;
  #stdout = '';
  #stderr = '';
  #wake = () => {};

  constructor(program: string, args: readonly string[], options: { cwd?: string; env?: NodeJS.ProcessEnv } = {}) {
    this.child = spawn(process.execPath, [program, ...args], { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
    this.child.stdout?.on('data', (chunk) => {
      this.#stdout += chunk;
      this.#wake();
    });
    this.child.on('close', () => this.#wake());
    this.child.stderr?.on('data', (chunk) => {
      this.#stderr += chunk;
    });
  }

  get stdout(): string {
    return this.#stdout;
  }

  get stderr(): string {
    return this.#stderr;
  }

  /** Resolves when standard output holds this word; rejects if the program ends before. */
  async said(word: string): Promise<void> {
    while (!this.#stdout.includes(word)) {
      const { exitCode } = this.child;
      if (exitCode !== null)
        throw new Error(`ended with ${exitCode} and never said ${word}: ${this.#stdout}${this.#stderr}`);
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  async signal(name: NodeJS.Signals, answer?: string): Promise<void> {
    this.child.kill(name);
    if (answer !== undefined) await this.said(answer);
  }

  /** The exit code, or the signal that ended it. */
  ended(): Promise<number | NodeJS.Signals | null> {
    return new Promise((resolve) => {
      const { exitCode, signalCode } = this.child;
      if (exitCode !== null || signalCode !== null) resolve(exitCode ?? signalCode);
      else this.child.once('close', (code, signal) => resolve(code ?? signal));
    });
  }
}
