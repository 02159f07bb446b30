import { chmod, lchown, mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { FoundNginx } from '../doctor/types.ts';
import { FastfnError } from '../errors.ts';
import type { ProjectConfig } from '../project/types.ts';
import type { WorkerAddress } from '../workers/types.ts';
import { type GatewayLoad, GatewayLoadShape } from './counts.ts';
import { type LinkMessage, type LinkServer, listenForNginxWorkers, type NginxWorkerLink } from './link-server.ts';
import { type NginxProcess, startNginx, testConfiguration } from './nginx.ts';
import { createPrivateClient, type PrivateClient } from './private-client.ts';
import { nginxWorkers, renderNginxConf } from './render.ts';
import { changedDocument, type RouteTable, type TableDocument, wholeDocument } from './route-table.ts';

/** A nginx worker that is blocked by a Lua function holds its acknowledgement; nobody waits longer for it. */
const ACK_TIMEOUT_MS = 3000;
/** Counts that an nginx worker holds back for longer come with its next beat. */
const FLUSH_TIMEOUT_MS = 200;
const POLL_MS = 2;
/** Sockets of nginx that only the supervisor calls. */
const PRIVATE_LISTENERS = ['gateway.sock', 'invoke.sock'];
const TEMP_FOLDERS = ['body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
/** Documents after which the whole table is pushed again, so that a restarted nginx worker applies few. */
const DOCUMENTS_PER_BASE = 64;

/** A function's workers of one revision, as every nginx worker is told. */
export interface WorkersAnnouncement {
  readonly functionKey: string;
  readonly revision: string;
  readonly workers: readonly WorkerAddress[];
  /** Why there are none. */
  readonly failure?: {
    readonly status: number;
    readonly error: string;
    readonly retry_after?: number;
    readonly stack?: string;
  };
}

export interface GatewayOptions {
  readonly config: ProjectConfig;
  readonly nginx: FoundNginx;
  readonly runDir: string;
  readonly port: number;
  readonly routes: number;
  /** Whom nginx's workers run as; null when the stack does not run as root. */
  readonly user: { readonly uid: number; readonly gid: number; readonly name: string; readonly group: string } | null;
  /** The address that loopback clients appear with where the port is published from outside, else null (P66). */
  readonly loopbackPeer: string | null;
  /** What the nginx worker `nginxPid` says. */
  onMessage(message: LinkMessage, nginxPid: number): void;
  /** An nginx worker's connection ended. */
  onWorkerGone(nginxPid: number): void;
  /** A line of nginx's error log. */
  onLine(line: string): void;
  /** The master is gone although nobody asked it to end. */
  onExit(reason: string): void;
  /** A new master runs (watchdog, run.json). */
  onMaster(pid: number | null): void;
}

/** nginx with its Lua data plane: the only part of the supervisor that knows it. */
export class Gateway {
  readonly #options: GatewayOptions;
  readonly #client: PrivateClient;
  readonly #announcements = new Map<string, WorkersAnnouncement>();
  #link: LinkServer | null = null;
  #nginx: NginxProcess | null = null;
  #table: RouteTable | null = null;
  #version = 0;
  #documents = 0;
  #flushes = 0;
  #stopping = false;
  #pushing: Promise<void> = Promise.resolve();

  constructor(options: GatewayOptions) {
    this.#options = options;
    this.#client = createPrivateClient(join(options.runDir, 'gateway.sock'));
  }

  /** Pids of the nginx workers that are connected. */
  get workerPids(): readonly number[] {
    return [...(this.#link?.workers.keys() ?? [])];
  }

  get link(): LinkServer | null {
    return this.#link;
  }

  get masterPid(): number | null {
    return this.#nginx?.pid ?? null;
  }

  /** Renders and tests the configuration, listens for nginx workers, starts nginx. */
  async start(): Promise<void> {
    const { runDir } = this.#options;
    await this.#writeConfiguration();
    this.#link = await listenForNginxWorkers({
      socketPath: join(runDir, 'supervisor.sock'),
      welcome: () => [
        ...[...this.#announcements.values()].map(announcementMessage),
        { type: 'table', version: this.#version },
      ],
      onMessage: (message, pid) => this.#options.onMessage(message, pid),
      onGone: (pid) => this.#options.onWorkerGone(pid),
    });
    await chmod(join(runDir, 'supervisor.sock'), 0o600);
    await this.#giveToUser(['supervisor.sock', 'tmp', ...TEMP_FOLDERS.map((name) => join('tmp', name))]);
    await this.#startMaster();
  }

  async #giveToUser(names: readonly string[]): Promise<void> {
    const { user, runDir } = this.#options;
    if (user === null || user.uid === process.getuid?.()) return;
    for (const name of names) await lchown(join(runDir, name), user.uid, user.gid);
  }

  async #writeConfiguration(): Promise<void> {
    const { runDir, config, nginx } = this.#options;
    await Promise.all(TEMP_FOLDERS.map((name) => mkdir(join(runDir, 'tmp', name), { recursive: true, mode: 0o700 })));
    const confPath = join(runDir, 'nginx.conf');
    await writeFile(confPath, renderNginxConf({ ...this.#options, config }), { mode: 0o600, flag: 'wx' });
    await testConfiguration(nginx.path, confPath, runDir);
  }

  async #startMaster(): Promise<void> {
    const { runDir, nginx } = this.#options;
    for (const name of PRIVATE_LISTENERS) {
      await rm(join(runDir, name), { force: true }); // a master that was killed leaves them behind
    }
    const master = startNginx({
      binary: nginx.path,
      confPath: join(runDir, 'nginx.conf'),
      prefix: runDir,
      onLine: (line) => this.#options.onLine(line),
    });
    this.#nginx = master;
    this.#options.onMaster(master.pid);
    void master.exited.then((reason) => {
      if (this.#nginx === master && !this.#stopping) this.#options.onExit(reason);
    });
  }

  /** Starts nginx anew after its master died (P102) and pushes the table again. */
  async restart(): Promise<void> {
    this.#version = 0;
    await this.#startMaster();
    if (this.#table) await this.#pushWhole(this.#table);
  }

  /** Makes `table` what every request sees that starts afterwards; resolves when the shared dict has it. */
  push(table: RouteTable): Promise<void> {
    const turn = this.#pushing
      .then(() => this.#push(table))
      .catch((error) => {
        if (!this.#stopping) throw error; // nobody is served any more
      });
    this.#pushing = turn.catch(() => {});
    return turn;
  }

  async #push(table: RouteTable): Promise<void> {
    if (this.#table === null || this.#documents >= DOCUMENTS_PER_BASE) return this.#pushWhole(table);
    const document = changedDocument(this.#table, table, this.#version + 1);
    if (document) await this.#send(document, table);
  }

  async #pushWhole(table: RouteTable): Promise<void> {
    await this.#send(wholeDocument(table, this.#version + 1), table);
    await this.#closePrivateListeners();
    this.#documents = 0;
  }

  /**
   * nginx opens its sockets to everybody; whoever reaches these may set routes and speak for the platform. They stay with whoever
   * started the stack: as root, neither nginx's workers nor handlers connect to them (P72).
   */
  async #closePrivateListeners(): Promise<void> {
    const { runDir } = this.#options;
    for (const name of PRIVATE_LISTENERS) await chmod(join(runDir, name), 0o600).catch(() => {}); // gone with a master that just died
  }

  async #send(document: TableDocument, table: RouteTable): Promise<void> {
    const body = JSON.stringify(document);
    await this.#untilListening(() => this.#client.post('/table', body));
    this.#version = document.version;
    this.#documents += 1;
    this.#table = table;
    this.#link?.broadcast({ type: 'table', version: document.version });
  }

  /** nginx opens its listener within milliseconds of its start; until then the socket is missing or refuses. */
  async #untilListening<T>(attempt: () => Promise<T>): Promise<T> {
    const deadline = performance.now() + this.#options.config.readyTimeoutSeconds * 1000;
    for (;;) {
      try {
        return await attempt();
      } catch (error) {
        const code = (error as NodeJS.ErrnoException).code;
        const starting = code === 'ENOENT' || code === 'ECONNREFUSED' || code === 'ECONNRESET';
        if (!starting || this.#stopping || performance.now() > deadline) throw error;
        await sleep(POLL_MS);
      }
    }
  }

  /** Resolves when every connected nginx worker has applied the current version, or is blocked for too long. */
  async acknowledged(): Promise<void> {
    const version = this.#version;
    await this.#untilEvery((worker) => worker.acked >= version, ACK_TIMEOUT_MS);
  }

  /** Resolves when every connected nginx worker has sent what it has counted, or is blocked for too long. */
  async flushed(): Promise<void> {
    this.#flushes += 1;
    const turn = this.#flushes;
    this.#link?.broadcast({ type: 'flush', turn });
    await this.#untilEvery((worker) => worker.flushed >= turn, FLUSH_TIMEOUT_MS);
  }

  async #untilEvery(condition: (worker: NginxWorkerLink) => boolean, timeoutMs: number): Promise<void> {
    const deadline = performance.now() + timeoutMs;
    while (performance.now() < deadline && !this.#stopping) {
      const workers = [...(this.#link?.workers.values() ?? [])];
      if (workers.length > 0 && workers.every(condition)) return;
      await sleep(POLL_MS);
    }
  }

  /** Version of the route table that every request sees (P79). */
  get version(): number {
    return this.#version;
  }

  /** What is going on in nginx now; null when it does not say. */
  async load(): Promise<GatewayLoad | null> {
    const answer = await this.#client.post('/load', '').catch(() => null);
    return GatewayLoadShape.nullable().catch(null).parse(answer);
  }

  /** Whether as many nginx workers as configured are connected and have the current table. */
  get isComplete(): boolean {
    const workers = [...(this.#link?.workers.values() ?? [])];
    return (
      workers.length >= nginxWorkers(this.#options.config) && workers.every((worker) => worker.acked >= this.#version)
    );
  }

  /** Tells every nginx worker, and those that connect later, which workers a function has. */
  announce(announcement: WorkersAnnouncement): void {
    this.#announcements.set(announcement.functionKey, announcement);
    this.#link?.broadcast(announcementMessage(announcement));
  }

  /** Tells one nginx worker what it asked for. */
  tell(nginxPid: number, message: object): void {
    this.#link?.tell(nginxPid, message);
  }

  /** Forgets a deleted function. */
  forget(functionKey: string): void {
    this.#announcements.delete(functionKey);
  }

  /** Whether Lua code loads (P106), asked of the real interpreter. */
  async checkLua(record: object): Promise<{ ok: boolean; error?: string; message?: string; files: string[] }> {
    const answer = await this.#untilListening(() => this.#client.post('/lua/check', JSON.stringify(record)));
    const { files, ...rest } = answer as { ok: boolean; error?: string; message?: string; files?: unknown };
    return { ...rest, files: Array.isArray(files) ? files.map(String) : [] };
  }

  /** Reopens the access log after it was renamed. */
  reopenLogs(): void {
    this.#nginx?.signal('SIGUSR1');
  }

  /** `/_fn/ready` answers 503 from now on (P104). */
  announceDrain(): void {
    this.#link?.broadcast({ type: 'drain' });
  }

  /** Refuses new connections and lets running requests end (QUIT), at most for `graceMs`, then TERM. */
  async stop(graceMs: number): Promise<void> {
    this.#stopping = true;
    const master = this.#nginx;
    if (master) {
      if (graceMs > 0) {
        master.signal('SIGQUIT');
        const timer = new AbortController();
        await Promise.race([master.exited, sleep(graceMs, timer.signal)]);
        timer.abort();
      }
      await master.stop();
      this.#options.onMaster(null);
    }
    this.#client.close();
    await this.#link?.close();
  }
}

function announcementMessage(announcement: WorkersAnnouncement): object {
  const { functionKey, ...rest } = announcement;
  return { type: 'workers', function: functionKey, ...rest };
}

function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal?.addEventListener('abort', () => {
      clearTimeout(timer);
      resolve();
    });
  });
}

/** For callers that must name the failure. */
export function gatewayFailed(reason: string): FastfnError {
  return new FastfnError('NGINX_FAILED', `nginx cannot be kept alive: ${reason}`, {
    hint: 'its last lines are in error.log of the log folder',
  });
}
