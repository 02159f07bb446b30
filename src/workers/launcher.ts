import { join } from 'node:path';
import type { ProcessRuntime } from '../functions/types.ts';
import { packageRoot } from '../package-root.ts';
import type { ProjectConfig } from '../project/types.ts';
import { workerEnvironment } from './environment.ts';
import { workerFailure } from './failure.ts';
import { Worker, type WorkerEvents } from './worker.ts';

const MAINS: Readonly<Record<ProcessRuntime, string>> = {
  node: 'runtimes/node/main.js',
  python: 'runtimes/python/main.py',
  php: 'runtimes/php/main.php',
};

/** PHP frees the name of a built-in function on the command line only; without it the worker starts itself a second time. */
const FLAGS: Readonly<Record<ProcessRuntime, readonly string[]>> = {
  node: [],
  python: [],
  php: ['-d', 'disable_functions=error_log'],
};

export interface LauncherOptions {
  readonly config: ProjectConfig;
  /** Sockets (`w<n>.sock`) and temporary folders (`w<n>`) lie here: short names, for sun_path (P72). */
  readonly runDir: string;
  readonly binaries: Readonly<Partial<Record<ProcessRuntime, string>>>;
  readonly internalBase: string;
  readonly user?: { readonly uid: number; readonly gid: number } | undefined;
  /** Other programs than the package's workers, with their arguments. */
  readonly mains?: Readonly<Partial<Record<ProcessRuntime, readonly string[]>>> | undefined;
}

/** Starts worker processes of any runtime, each with a socket, a temporary folder and an environment of its own. */
export class Launcher {
  readonly #options: LauncherOptions;
  #started = 0;

  constructor(options: LauncherOptions) {
    this.#options = options;
  }

  /** Rejects with WORKER_FAILED when the runtime is not installed or its program cannot be executed. */
  async spawn(runtime: ProcessRuntime, events: WorkerEvents): Promise<Worker> {
    const { config, runDir, binaries, mains, user, internalBase } = this.#options;
    const command = binaries[runtime];
    if (command === undefined) {
      throw workerFailure('WORKER_FAILED', { error: 'runtime unavailable', message: `${runtime} is not installed` });
    }
    this.#started += 1;
    const tempDir = join(runDir, `w${this.#started}`);
    const launch = {
      runtime,
      command,
      args: mains?.[runtime] ?? [...FLAGS[runtime], join(packageRoot, MAINS[runtime])],
      socket: `${tempDir}.sock`,
      tempDir,
      user,
      timeoutMs: config.workers.bootTimeoutMs,
      env: workerEnvironment(process.env, {
        allow: config.workers.envAllow,
        functionsRoot: config.functionsRoot,
        internalBase,
        tempDir,
        isOtherUser: user !== undefined && user.uid !== process.getuid?.(),
      }),
    };
    return Worker.spawn(launch, events);
  }
}
