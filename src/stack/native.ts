import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { AdminServer } from '../admin/server.ts';
import { Authenticator } from '../auth/authenticator.ts';
import { createInstaller } from '../dependencies/installer.ts';
import type { Installer } from '../dependencies/types.ts';
import { INSIDE } from '../docker/paths.ts';
import { requirePort } from '../doctor/port.ts';
import { isMissing, type NativePrerequisites } from '../doctor/types.ts';
import { FastfnError } from '../errors.ts';
import type { ProcessRuntime } from '../functions/types.ts';
import { Gateway } from '../gateway/gateway.ts';
import { Invoker } from '../gateway/invoker.ts';
import type { LinkMessage } from '../gateway/link-server.ts';
import { createMetrics, type Metrics } from '../metrics/metrics.ts';
import { packageRoot } from '../package-root.ts';
import type { ProjectConfig } from '../project/types.ts';
import { version } from '../version.ts';
import { createPool, type WorkerPool } from '../workers/pool.ts';
import { stopTypeScript } from '../workers/typescript.ts';
import { startWatchdog, type Watchdog } from '../workers/watchdog.ts';
import { type AccessEvent, type AccessLog, followAccessLog } from './access-log.ts';
import { connectHost, freePort, urlOf } from './address.ts';
import { type ControlSocket, takeControlSocket } from './control-socket.ts';
import { countDiscovered } from './discovered.ts';
import type { LogRecord, StartStep } from './events.ts';
import { Fleet } from './fleet.ts';
import { installerOptions } from './install-tools.ts';
import { createLogStore, type LogStore } from './logs.ts';
import { NginxKeeper } from './nginx-keeper.ts';
import { canReach, giveTo, type StackUser, stackOwner } from './owner.ts';
import { createPlatform, openAdminSockets } from './platform.ts';
import { ProblemStore } from './problems.ts';
import { ReadinessProbe } from './readiness.ts';
import { recordOf, recordOfLua, recordOfNginx, supervisorRecord } from './records.ts';
import { Reloads } from './reloads.ts';
import { chooseRunDir, clearRunDir, createRunDir, removeRunDir } from './run-dir.ts';
import { endSurvivors, readRunFile } from './run-file.ts';
import { RunRecord } from './run-record.ts';
import type { RunningStack, StackEnd, StartOptions } from './running-stack.ts';
import { describeRuntimes } from './runtimes.ts';
import { UsageTotals } from './usage.ts';
import type { createWatcher } from './watcher.ts';

/** Load balancers that poll readiness notice within this time that a stack goes away (P104). */
const NOTICE_MS = { dev: 0, run: 1000 } as const;
const CONTROL_SOCKET = 'control.sock';
const PROCESS_RUNTIMES: readonly ProcessRuntime[] = ['node', 'python', 'php'];

/** What a stack of this machine's own programs needs. */
export interface NativeOptions extends StartOptions {
  readonly prerequisites: NativePrerequisites;
  /** The address that loopback clients appear with, where the port is published from outside (P66). */
  readonly loopbackPeer?: string | null;
  /** Who notices changes, where file events do not (P67). */
  readonly createWatcher?: typeof createWatcher;
}

/** Starts nginx and the language runtimes of this host for a folder of functions; resolves when the stack answers (P96, P97). */
export async function startNative(config: ProjectConfig, options: NativeOptions): Promise<RunningStack> {
  const stack = new NativeStack(config, options);
  try {
    await stack.start();
    return stack;
  } catch (error) {
    await stack.kill();
    throw stack.failure ?? error;
  }
}

class NativeStack implements RunningStack {
  readonly ended: Promise<StackEnd>;
  /** Why it came down by itself. */
  failure: FastfnError | null = null;
  readonly #config: ProjectConfig;
  readonly #options: NativeOptions;
  readonly #startedAt = performance.now();
  readonly #probe = new ReadinessProbe();
  readonly #usage = new UsageTotals();
  readonly #authenticator = new Authenticator((message) => this.#log(supervisorRecord('error', message)));
  readonly #reloads: Reloads;
  readonly #problems: ProblemStore;
  #end!: (end: StackEnd) => void;
  #port = 0;
  #storeDir = '';
  #runDir: string | null = null;
  #control: ControlSocket | null = null;
  #logs: LogStore | null = null;
  #accessLog: AccessLog | null = null;
  #watchdog: Watchdog | null = null;
  #record: RunRecord | null = null;
  #pool: WorkerPool | null = null;
  #installer: Installer | null = null;
  #gateway: Gateway | null = null;
  #keeper: NginxKeeper | null = null;
  #fleet: Fleet | null = null;
  #admin: AdminServer | null = null;
  #invoker: Invoker | null = null;
  #metrics: Metrics | null = null;
  #stopping: Promise<void> | null = null;
  #graceEnded = new AbortController();
  readonly #draining = new AbortController();

  constructor(config: ProjectConfig, options: NativeOptions) {
    this.#config = config;
    this.#options = {
      ...options,
      onEvent: (event) => {
        this.#metrics?.onStackEvent(event);
        options.onEvent(event);
      },
    };
    this.#reloads = new Reloads({
      config,
      createWatcher: options.createWatcher,
      emit: (event) => this.#options.onEvent(event),
      debug: (message) => this.#log(supervisorRecord('debug', message)),
      fleet: () => (this.#stopping ? null : this.#fleet),
      startRuntimes: async (runtimes) => this.#pool?.start(this.#usable(runtimes)),
      retryInstalls: () => this.#installer?.retryFailed(),
      acknowledged: async () => this.#gateway?.acknowledged(),
      onFailed: () => this.#countFailedReload(),
    });
    this.#problems = new ProblemStore(config.functionsRoot);
    this.ended = new Promise((resolve) => {
      this.#end = resolve;
    });
  }

  get url(): string {
    return urlOf(this.#config.host, this.#port);
  }

  // ---------------------------------------------------------------------------------------------------------- start

  async start(): Promise<void> {
    const config = this.#config;
    this.#port = config.port === 0 ? await freePort(config.host) : config.port;
    const discovery = await this.#reloads.begin();
    const runtimes = this.#usable(discovery.functions.map(({ runtime }) => runtime));
    const user = await this.#chooseUser(runtimes);
    await this.#takeRunDir(user);
    await this.#openLogs(user);
    const { storeDir, stateDir } = config;
    this.#storeDir = (await canReach(storeDir, user)) ? storeDir : join(stateDir, 'store'); // root's cache is closed to others
    this.#build(user, discovery.routes.length);
    const fleet = this.#fleet as Fleet;
    await Promise.all([
      this.#pool?.start(runtimes).then(() => this.#progress('runtimes', runtimes.join(', '))),
      this.#openAdmin(user),
      this.#gateway?.start().then(() => this.#progress('gateway', `port ${this.#port}`)),
      fleet.begin(discovery).then(() => this.#reloads.tell(discovery)),
    ]);
    this.#options.signal.throwIfAborted();
    await fleet.publish();
    this.#progress('routes', 'acknowledged by every nginx worker');
    if (config.command === 'run') await this.#firstInstalls(fleet);
    await this.#probe.wait({
      host: connectHost(config.host),
      port: this.#port,
      timeoutSeconds: config.readyTimeoutSeconds,
      signal: this.#options.signal,
      missing: () => (this.#gateway?.isComplete ? [] : ['an nginx worker has not acknowledged the route table']),
    });
    void fleet.learnFiles();
    this.#keeper?.watch(() => fleet.longestLuaTimeoutMs);
    this.#control?.identify({ pid: process.pid, url: this.url });
    await this.#record?.write();
    const { functions, routes } = countDiscovered(discovery);
    this.#options.onEvent({
      type: 'ready',
      url: this.url,
      mode: config.mode,
      functions,
      routes,
      ms: performance.now() - this.#startedAt,
    });
  }

  #progress(step: StartStep, detail: string): void {
    this.#options.onEvent({ type: 'progress', step, detail });
  }

  /** The admin API works from the moment nginx does; its answers come from here. */
  async #openAdmin(user: StackUser | null): Promise<void> {
    const fleet = this.#fleet as Fleet;
    const platform = createPlatform({
      config: this.#config,
      metrics: this.#metrics as Metrics,
      url: () => this.url,
      draining: this.#draining.signal,
      discovery: () => fleet.discovery,
      scannedAt: () => this.#reloads.scannedAt,
      tableVersion: () => this.#gateway?.version ?? 0,
      functions: () => fleet.functions,
      workers: () => this.#pool?.stats().workers ?? [],
      loads: async () => (await this.#gateway?.load())?.functions ?? {},
      runtimes: () => describeRuntimes(this.#config, this.#options.prerequisites, fleet.discovery),
      problems: () => this.#problems.all,
      watch: () => this.#reloads.watch,
      reload: () => this.#reloads.reload(),
      invoker: this.#invoker as Invoker,
      applyFiles: (write) => this.#reloads.applyWritten(write),
    });
    this.#admin = await openAdminSockets(this.#runDir as string, platform, user);
  }

  #showRequest(event: AccessEvent): void {
    if (event.type === 'request' && event.path.startsWith('/_fn/')) return; // probes, our own among them
    this.#options.onEvent(event);
  }

  /** `run` is ready when the first installs have ended, one way or the other (P97). */
  async #firstInstalls(fleet: Fleet): Promise<void> {
    const { readyTimeoutSeconds } = this.#config;
    const spentMs = performance.now() - this.#startedAt;
    const settled = fleet.settled().then(() => true);
    const overdue = new AbortController();
    const late = pause(readyTimeoutSeconds * 1000 - spentMs, AbortSignal.any([overdue.signal, this.#options.signal]));
    const isSettled = await Promise.race([settled, late.then(() => false)]);
    overdue.abort();
    if (isSettled || this.#options.signal.aborted) return;
    const missing = fleet.busy.join(', ');
    throw new FastfnError('NOT_READY', `not ready within ${readyTimeoutSeconds} s: still installing for ${missing}`, {
      hint: 'FN_READY_TIMEOUT_S allows more time',
    });
  }

  /** As root: the owner of the functions, if that user can reach what the stack needs (P76). */
  async #chooseUser(runtimes: readonly ProcessRuntime[]): Promise<StackUser | null> {
    const { functionsRoot } = this.#config;
    const programs = runtimes.map((runtime) => this.#binary(runtime) as string);
    const { user, note } = await stackOwner(functionsRoot, [packageRoot, functionsRoot, ...programs]);
    if (note !== undefined) this.#options.onEvent({ type: 'note', message: note });
    return user;
  }

  async #openLogs(user: StackUser | null): Promise<void> {
    const { logs, command, quiet } = this.#config;
    await mkdir(logs.dir, { recursive: true, mode: 0o700 });
    await giveTo(user, [logs.dir]);
    this.#logs = createLogStore(this.#config);
    // In `dev` each request is a line on the terminal; in `run` the log is only rotated (P27, P119).
    this.#accessLog = followAccessLog({
      file: join(logs.dir, 'access.log'),
      maxSizeMb: logs.maxSizeMb,
      keep: logs.keep,
      reopen: () => this.#gateway?.reopenLogs(),
      onEvent: command === 'dev' && !quiet ? (event) => this.#showRequest(event) : null,
    });
  }

  async #takeRunDir(user: StackUser | null): Promise<void> {
    const runDir = chooseRunDir(this.#config, this.#port, user);
    await createRunDir(runDir, user);
    this.#control = await takeControlSocket(join(runDir, CONTROL_SOCKET));
    const former = await readRunFile(runDir);
    if (former) await endSurvivors(former.children);
    await clearRunDir(runDir, CONTROL_SOCKET);
    await requirePort(this.#config.host, this.#port);
    this.#runDir = runDir;
    this.#watchdog = startWatchdog({ runDir });
    this.#record = new RunRecord(runDir, this.#watchdog, () => ({
      mode: this.#config.mode,
      url: this.url,
      port: this.#port,
      functions_root: this.#config.functionsRoot,
      project_id: this.#config.projectId,
      version,
      control_socket: join(runDir, CONTROL_SOCKET),
      log_dir: this.#config.logs.dir,
    }));
  }

  #build(user: StackUser | null, routes: number): void {
    const config = this.#config;
    const runDir = this.#runDir as string;
    const { prerequisites, onEvent } = this.#options;
    if (isMissing(prerequisites.nginx)) {
      throw new FastfnError('PREREQUISITE_MISSING', prerequisites.nginx.problem, { hint: prerequisites.nginx.hint });
    }
    this.#pool = createPool({
      config,
      runDir,
      binaries: this.#binaries(),
      internalBase: `http://127.0.0.1:${this.#port}`,
      user: user ?? undefined,
      onWorkers: (key, revision, workers) => this.#fleet?.announce(key, revision, workers),
      onLog: (line) => this.#print(recordOf(line), line.last),
      onFiles: (key, revision, files) => this.#fleet?.addFiles(key, revision, files),
      onPids: (pids) => {
        for (const pid of this.#record?.setWorkers(pids) ?? []) this.#usage.forget(pid);
      },
    });
    this.#installer = createInstaller({
      config: { ...config, storeDir: this.#storeDir, hopsDir: config.mode === 'docker' ? INSIDE.hops : null },
      ...installerOptions(prerequisites),
      onEvent,
    });
    this.#gateway = new Gateway({
      config,
      nginx: prerequisites.nginx,
      runDir,
      port: this.#port,
      routes,
      user,
      loopbackPeer: this.#options.loopbackPeer ?? null,
      onMessage: (message, nginxPid) => this.#heard(message, nginxPid),
      onWorkerGone: (nginxPid) => {
        for (const [pid, usage] of this.#usage.drop(nginxPid)) this.#pool?.report(pid, usage);
      },
      onLine: (line) => {
        const record = recordOfNginx(line);
        if (record) this.#log(record);
      },
      onExit: (reason) => this.#keeper?.masterExited(reason),
      onMaster: (pid) => this.#record?.setMaster(pid),
    });
    this.#invoker = new Invoker(runDir);
    this.#keeper = new NginxKeeper({
      gateway: this.#gateway,
      log: (record) => this.#log(record),
      giveUp: (error) => this.#fail(error),
    });
    const fleet = new Fleet({
      config,
      pool: this.#pool,
      gateway: this.#gateway,
      installer: this.#installer,
      authenticator: this.#authenticator,
      buildDir: join(runDir, 'build'),
      isMissing: (runtime) => runtime !== 'lua' && this.#binary(runtime) === null,
      emit: onEvent,
      onReloadFailed: () => this.#countFailedReload(),
      problems: this.#problems,
      setSecrets: (key, values) => this.#logs?.setSecrets(key, values),
    });
    this.#fleet = fleet;
    this.#metrics = createMetrics({ pool: this.#pool, gateway: this.#gateway, discovery: () => fleet.discovery });
  }

  #binaries(): Partial<Record<ProcessRuntime, string>> {
    const found: Partial<Record<ProcessRuntime, string>> = {};
    for (const runtime of PROCESS_RUNTIMES) {
      const path = this.#binary(runtime);
      if (path !== null) found[runtime] = path;
    }
    return found;
  }

  /** Of the runtimes in use those that have processes, and a program here. */
  #usable(inUse: readonly string[]): ProcessRuntime[] {
    return PROCESS_RUNTIMES.filter((runtime) => inUse.includes(runtime) && this.#binary(runtime) !== null);
  }

  #binary(runtime: string): string | null {
    const program = this.#options.prerequisites[runtime as ProcessRuntime];
    return program && !isMissing(program) ? program.path : null;
  }

  // -------------------------------------------------------------------------------------------------- while it runs

  #heard(message: LinkMessage, nginxPid: number): void {
    switch (message.type) {
      case 'need':
        this.#fleet?.need(message.function);
        break;
      case 'stuck':
        this.#pool?.report(message.pid, this.#usage.add(nginxPid, message.pid, message.open, message.served));
        this.#pool?.stuck(message.pid);
        break;
      case 'verify':
        void this.#judge(message, nginxPid);
        break;
      case 'probe':
        this.#probe.heard(message.nonce);
        break;
      case 'beat':
        for (const [pid, [open, served]] of Object.entries(message.usage ?? {})) {
          this.#pool?.report(Number(pid), this.#usage.add(nginxPid, Number(pid), open, served));
        }
        break;
      case 'counts':
        this.#metrics?.addCounts(message);
        break;
      case 'files':
        if (Array.isArray(message.files)) {
          this.#fleet?.addFiles(message.function, message.revision, message.files.map(String));
        }
        this.#fleet?.loadedLua(message.function, message.revision, message.error);
        break;
      case 'log':
        this.#print(recordOfLua(message), message.last);
        break;
      default: // hello, acked, flushed and closed concern the gateway alone
    }
  }

  async #judge(question: Extract<LinkMessage, { type: 'verify' }>, nginxPid: number): Promise<void> {
    const { id, method, api_key: apiKey = null, token = null } = question;
    const verdict = await this.#authenticator.verify(question.function, { method, apiKey, token });
    this.#gateway?.tell(nginxPid, { type: 'verdict', id, ...verdict });
  }

  /** A line of a function's output, which an invocation may be waiting for; a `last` one without text says only that. */
  #print(record: LogRecord, isLast = false): void {
    const shown = isLast && record.message === '' ? record : this.#log(record);
    const { requestId, stream, message, fields } = shown;
    this.#invoker?.hear({ requestId, stream, message, isContinued: fields?.continued === true, isLast });
  }

  #log(record: LogRecord): LogRecord {
    const stored = this.#logs?.write(record) ?? record;
    this.#options.onEvent({ type: 'log', record: stored });
    return stored;
  }

  #countFailedReload(): void {
    this.#metrics?.count('fastfn_reloads_total', { result: 'failed' });
  }

  async reload(): Promise<void> {
    await this.#reloads.reload();
  }

  // ----------------------------------------------------------------------------------------------------------- stop

  #fail(error: FastfnError): void {
    this.failure ??= error;
    void this.kill();
  }

  drain(): Promise<void> {
    return this.#stop(this.#config.drainTimeoutSeconds * 1000);
  }

  kill(): Promise<void> {
    this.#graceEnded.abort();
    return this.#stop(0);
  }

  #stop(graceMs: number): Promise<void> {
    this.#stopping ??= this.#tearDown(graceMs);
    if (graceMs === 0) void this.#gateway?.stop(0).catch(() => {});
    if (graceMs === 0) void this.#pool?.stop(0);
    return this.#stopping;
  }

  async #tearDown(graceMs: number): Promise<void> {
    const deadline = performance.now() + graceMs;
    this.#draining.abort();
    if (graceMs > 0) this.#options.onEvent({ type: 'stopping', graceSeconds: graceMs / 1000 });
    this.#reloads.close();
    this.#keeper?.stop();
    this.#gateway?.announceDrain();
    await pause(graceMs > 0 ? NOTICE_MS[this.#config.command] : 0, this.#graceEnded.signal);
    await this.#gateway?.stop(Math.max(0, deadline - performance.now()));
    this.#accessLog?.close(); // nginx has written its last lines
    await this.#admin?.close();
    this.#invoker?.close();
    await this.#pool?.stop(Math.max(0, Math.min(1000, deadline - performance.now())));
    await Promise.all([this.#installer?.close(), stopTypeScript(), this.#logs?.close()]);
    await this.#record?.close();
    await this.#control?.close();
    await this.#watchdog?.stop();
    if (this.#runDir) await removeRunDir(this.#runDir);
    this.#end(this.failure ? { reason: this.failure.message, error: this.failure } : { reason: 'stopped' });
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (ms <= 0 || signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener('abort', () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
