import { randomBytes } from 'node:crypto';
import { removeLeftovers, removeNetwork } from '../docker/cleanup.ts';
import { containerSpec, labels } from '../docker/container.ts';
import type { Engine } from '../docker/engine.ts';
import { findDotEnvFiles } from '../docker/env-files.ts';
import { insideConfig } from '../docker/inside-config.ts';
import type { FromContainer } from '../docker/messages.ts';
import { containerName, ownerOfThisProcess } from '../docker/names.ts';
import { showPeer } from '../docker/peer.ts';
import { type ContainerExit, type ContainerRun, runContainer } from '../docker/run.ts';
import { readSurroundings } from '../docker/surroundings.ts';
import { containerUser, isRootless } from '../docker/user.ts';
import { findOwner, portInUse, requirePort } from '../doctor/port.ts';
import { type ErrorCode, FastfnError } from '../errors.ts';
import type { ProjectConfig } from '../project/types.ts';
import { version } from '../version.ts';
import { connectHost, freePort, isLoopback, urlOf } from './address.ts';
import type { StackEvent } from './events.ts';
import { type HostEntry, openHostEntry } from './host-entry.ts';
import { prepareMounts } from './mounted-folders.ts';
import { noticeOf } from './remote-watcher.ts';
import type { RunningStack, StackEnd, StartOptions } from './running-stack.ts';
import { watchedProject } from './watch-project.ts';
import { createWatcher, type Watcher } from './watcher.ts';

/** Beyond the drain time, for what ends after the last request. */
const STOP_MARGIN_MS = 5000;
/** How long a daemon that went away is asked again (P70). */
const LOST_FOR_MS = 10_000;
const EXIT_POLL_MS = 500;
const TAIL_LINES = 40;
const MORE_MEMORY = 'Give it more with docker.memory in fastfn.json.';
const OUT_OF_MEMORY: StackEvent = {
  type: 'problem',
  severity: 'warning',
  path: '',
  message: 'the memory of the container is used up: the kernel ended a process in it',
  hint: MORE_MEMORY,
};

export interface DockerOptions extends StartOptions {
  readonly engine: Engine;
  /** Of the command, with its proxies and registries. */
  readonly env: NodeJS.ProcessEnv;
  /** The image that holds the stack; it is there. */
  image(): Promise<string>;
}

/** Starts the stack in a container (section 2.2); resolves when it answers through the published port. */
export async function startDocker(config: ProjectConfig, options: DockerOptions): Promise<RunningStack> {
  const stack = new DockerStack(config, options);
  try {
    await stack.start();
    return stack;
  } catch (error) {
    await stack.kill();
    throw stack.failure ?? error;
  }
}

class DockerStack implements RunningStack {
  readonly ended: Promise<StackEnd>;
  /** Why it came down by itself. */
  failure: FastfnError | null = null;
  readonly #config: ProjectConfig;
  readonly #options: DockerOptions;
  readonly #startedAt = performance.now();
  readonly #nonce: string | null;
  readonly #tail: string[] = [];
  #end!: (end: StackEnd) => void;
  #isReady!: (error?: unknown) => void;
  readonly #ready: Promise<void>;
  #port = 0;
  #network: string | null = null;
  #container: ContainerRun | null = null;
  #watcher: Watcher | null = null;
  #entry: HostEntry | null = null;
  #reload: ((problem: string | null) => void) | null = null;
  #stopping: Promise<void> | null = null;

  constructor(config: ProjectConfig, options: DockerOptions) {
    this.#config = config;
    this.#options = options;
    this.#nonce = isLoopback(config.host) ? randomBytes(16).toString('hex') : null;
    this.ended = new Promise((resolve) => {
      this.#end = resolve;
    });
    this.#ready = new Promise((resolve, reject) => {
      this.#isReady = (error) => (error === undefined ? resolve() : reject(error));
    });
    this.#ready.catch(() => {}); // start() hears of it, if it still waits
  }

  get url(): string {
    return urlOf(this.#config.host, this.#port);
  }

  // ---------------------------------------------------------------------------------------------------------- start

  async start(): Promise<void> {
    const { engine, signal } = this.#options;
    const config = this.#config;
    signal.addEventListener('abort', () => this.#isReady(signal.reason), { once: true });
    await removeLeftovers(engine.docker, config);
    this.#port = config.port === 0 ? await freePort(config.host) : config.port;
    await requirePort(config.host, this.#port);
    this.#entry = await openHostEntry(config, this.#port, (piece) => this.#container?.send(piece));
    const [image, user] = await Promise.all([this.#options.image(), this.#chooseUser()]);
    signal.throwIfAborted();
    await this.#watch();
    await this.#startContainer(image, user);
    await this.#ready;
    await this.#entry.announce(this.url, new Date(Date.now() - (performance.now() - this.#startedAt)));
  }

  async #chooseUser(): Promise<string> {
    const isChosen = this.#config.docker.user !== null;
    return !isChosen && (await isRootless(this.#options.engine.docker)) ? '0:0' : containerUser(this.#config);
  }

  /** The watcher stands before the container's first scan, so that no save falls between the two. */
  async #watch(): Promise<void> {
    if (!this.#config.hotReload) return;
    this.#watcher = createWatcher(
      watchedProject(this.#config, {
        onChange: (paths) => this.#container?.send({ type: 'changed', changes: paths.map(noticeOf) }),
        onNote: (message) => this.#options.onEvent({ type: 'note', message }),
      }),
    );
    await this.#watcher.ready;
  }

  async #startContainer(image: string, user: string): Promise<void> {
    const config = this.#config;
    const { docker } = this.#options.engine;
    const { label: owner } = ownerOfThisProcess();
    const run = randomBytes(8).toString('hex');
    const [envFiles] = await Promise.all([findDotEnvFiles(config.functionsRoot), prepareMounts(config, user)]);
    const spec = containerSpec({ config, image, user, owner, run, port: this.#port, envFiles });
    try {
      const network = await docker.createNetwork({
        Name: containerName(config),
        CheckDuplicate: true,
        Driver: 'bridge',
        Labels: labels({ config, owner, run }),
      });
      this.#network = network.id;
      this.#container = await runContainer(docker, spec, {
        onMessage: (message) => this.#hear(message),
        onErrorLine: (line) => this.#remember(line),
        onOutOfMemory: () => this.#options.onEvent(OUT_OF_MEMORY),
        onClosed: () => void this.#closed(),
      });
    } catch (error) {
      throw await this.#explainStart(error as Error & { statusCode?: number });
    }
    this.#container.send({
      type: 'begin',
      version,
      config: insideConfig(config, user) as unknown as Record<string, unknown>,
      surroundings: readSurroundings(config, this.#options.env),
      peerNonce: this.#nonce,
    });
  }

  async #explainStart(error: Error & { statusCode?: number }): Promise<unknown> {
    if (/port is already allocated|address already in use/.test(error.message)) {
      return portInUse(this.#port, await findOwner(this.#port));
    }
    if (error.statusCode === 409) await removeLeftovers(this.#options.engine.docker, this.#config); // somebody was faster
    if (error.statusCode === undefined) return error;
    return new FastfnError('CONTAINER_FAILED', `the container cannot be started: ${error.message.trim()}`, {
      cause: error,
    });
  }

  // -------------------------------------------------------------------------------------------------- while it runs

  #hear(message: FromContainer): void {
    if (message.type === 'event') this.#tell(message.event as unknown as StackEvent);
    else if (message.type === 'listening') void this.#showPeer();
    else if (message.type === 'tunnel') this.#entry?.take(message);
    else if (message.type === 'reloaded') this.#reload?.(message.problem);
    else this.failure ??= new FastfnError(message.code as ErrorCode, message.message, { hint: message.hint });
  }

  /** The container's events are the stack's; only how it is reached, and since when, is known better here. */
  #tell(event: StackEvent): void {
    if (event.type === 'log') this.#remember(event.record.message);
    if (event.type !== 'ready') {
      this.#options.onEvent(event);
      return;
    }
    this.#options.onEvent({ ...event, url: this.url, mode: 'docker', ms: performance.now() - this.#startedAt });
    this.#isReady();
  }

  async #showPeer(): Promise<void> {
    const { signal } = this.#options;
    const host = connectHost(this.#config.host);
    await showPeer(host, this.#port, this.#nonce as string, signal).catch((error) => this.#isReady(error));
  }

  #remember(line: string): void {
    this.#tail.push(line);
    if (this.#tail.length > TAIL_LINES) this.#tail.shift();
  }

  reload(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#reload = (problem) => (problem === null ? resolve() : reject(new FastfnError('INTERNAL', problem)));
      this.#container?.send({ type: 'reload' });
    });
  }

  // ----------------------------------------------------------------------------------------------------------- stop

  /** The stream ended: because we stop, because the container ended, or because the daemon went away. */
  async #closed(): Promise<void> {
    if (this.#stopping) return;
    const exit = await this.#exit();
    if (this.#stopping) return;
    this.failure ??= exit ? this.#explainExit(exit) : await this.#lost();
    this.#isReady(this.failure);
    await this.kill();
  }

  /** How the container ended; null when the daemon does not know it as ended. */
  async #exit(): Promise<ContainerExit | null> {
    const container = this.#container;
    for (;;) {
      const exit = await Promise.race([container?.exited.catch(() => null), pause(EXIT_POLL_MS).then(() => undefined)]);
      if (exit !== undefined) return exit;
      if (!(await container?.isEnding())) return null;
    }
  }

  /** P71. */
  #explainExit({ code, isOutOfMemory }: ContainerExit): FastfnError {
    const why = isOutOfMemory ? `it was out of memory (exit code ${code})` : `exit code ${code}`;
    const message = [`the container ended unexpectedly: ${why}`, ...this.#tail].join('\n');
    return new FastfnError('CONTAINER_FAILED', message, {
      hint: isOutOfMemory ? MORE_MEMORY : undefined,
    });
  }

  /** P70: tries for a while to reach the daemon and to end what it may still run. */
  async #lost(): Promise<FastfnError> {
    const deadline = performance.now() + LOST_FOR_MS;
    while (performance.now() < deadline) {
      const isGone = await this.#container?.kill().then(
        () => true,
        () => false,
      );
      if (isGone) break;
      await pause(200);
    }
    return new FastfnError('CONTAINER_FAILED', 'the Docker daemon went away', {
      hint: 'The container ends by itself within a few seconds. Start again when the daemon runs.',
    });
  }

  drain(): Promise<void> {
    this.#stopping ??= this.#tearDown(this.#config.drainTimeoutSeconds * 1000 + STOP_MARGIN_MS);
    return this.#stopping;
  }

  kill(): Promise<void> {
    void this.#container?.kill().catch(() => {});
    this.#stopping ??= this.#tearDown(0);
    return this.#stopping;
  }

  async #tearDown(graceMs: number): Promise<void> {
    this.#watcher?.close();
    if (graceMs > 0) this.#container?.send({ type: 'stop' });
    const overdue = new AbortController();
    const exited = this.#container?.exited.then(
      () => {},
      () => {},
    );
    if (graceMs > 0) await Promise.race([exited, pause(graceMs, overdue.signal)]);
    overdue.abort();
    await this.#container?.kill().catch(() => {}); // a daemon that does not answer cannot be asked for more
    this.#container?.close();
    if (this.#network) await removeNetwork(this.#options.engine.docker, this.#network).catch(() => {});
    await this.#entry?.close();
    this.#end(this.failure ? { reason: this.failure.message, error: this.failure } : { reason: 'stopped' });
  }
}

function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal?.addEventListener('abort', () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
