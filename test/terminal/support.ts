import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../../src/package-root.ts';
import { type Answer, type Files, makeTempDir, send, until, writeFiles } from '../stack/support.ts';

export const hasTmux = spawnSync('tmux', ['-V']).error === undefined;

export interface TerminalOptions {
  readonly columns?: number;
  readonly rows?: number;
  readonly env?: Readonly<Record<string, string>>;
}

/**
 * A terminal of its own with an interactive shell, over a folder of functions: what is typed and what is seen. The terminal
 * is a tmux server that only this object talks to.
 */
export class TerminalSession {
  readonly dir: string;
  readonly base: string;

  private constructor(base: string) {
    this.base = base;
    this.dir = join(base, 'project');
  }

  static open(files: Files, { columns = 100, rows = 40, env = {} }: TerminalOptions = {}): TerminalSession {
    const { path } = makeTempDir();
    const session = new TerminalSession(path);
    mkdirSync(session.dir);
    writeFiles(session.dir, files);
    const variables = {
      PATH: process.env.PATH as string,
      HOME: path,
      LANG: 'C.UTF-8',
      PS1: '> ',
      HISTFILE: '/dev/null',
      FN_STATE_DIR: join(path, 'state'),
      FN_RUN_DIR: join(path, 'run'),
      FN_STORE_DIR: join(path, 'store'),
      ...env,
    };
    session.#tmux(
      ...['-u', '-f', '/dev/null', 'new-session', '-d', '-x', String(columns), '-y', String(rows), '-c', session.dir],
      ...['env', '-i', 'TERM=screen', ...Object.entries(variables).map(([name, value]) => `${name}=${value}`)],
      ...['bash', '--norc', '--noprofile', '-i'],
    );
    return session;
  }

  /**
   * Types a command line of ours; when it has ended, the shell prints its exit code and what the terminal does with keys, like
   * `exit=130 isig icanon echo`.
   */
  fastfn(args: string, { before = '', after = '' } = {}): void {
    const program = `${process.execPath} ${join(packageRoot, 'bin/fastfn.js')}`;
    const settings = `stty -a | tr ' ;' '\\n\\n' | grep -xE -e '-?(isig|icanon|echo)' | xargs`;
    writeFiles(this.base, {
      'go.sh': `${before} ${program} ${args} ${after}\nprintf '\\nexit=%s %s\\n' $? "$(${settings})"\n`,
    });
    this.type('. ../go.sh');
    this.press('Enter');
  }

  type(text: string): void {
    this.#tmux('send-keys', '-l', text);
  }

  /** Keys by tmux's names, like `C-c` or `Enter`. */
  press(...keys: readonly string[]): void {
    this.#tmux('send-keys', ...keys);
  }

  resize(columns: number, rows: number): void {
    this.#tmux('resize-window', '-x', String(columns), '-y', String(rows));
  }

  /** All that the terminal shows and has scrolled away; with `colours` as escape sequences. */
  text({ colours = false } = {}): string {
    const captured = this.#tmux('capture-pane', '-p', '-J', '-S', '-', ...(colours ? ['-e'] : []));
    return captured.replaceAll(/ +$/gm, '').trimEnd();
  }

  /** Waits for a text and returns the match. */
  async shows(pattern: RegExp, deadlineMs?: number): Promise<RegExpExecArray> {
    return until(() => pattern.exec(this.text()), `the terminal shows ${pattern}`, deadlineMs).catch((error) => {
      throw new Error(`${error.message}; it shows:\n${this.text()}`);
    });
  }

  /** Waits for the ready line and for the keys below it; returns the address. */
  async ready(): Promise<string> {
    const [, url] = await this.shows(/FastFN ready at (http:\S+)/);
    return url as string;
  }

  get(url: string, path: string): Promise<Answer> {
    return send(url, path);
  }

  /** The supervisor that runs here. */
  get pid(): number {
    return JSON.parse(readFileSync(join(this.base, 'run/run.json'), 'utf8')).pid;
  }

  /** Ends the shell, and with it what it runs: its terminal is gone. */
  async close(): Promise<void> {
    spawnSync('tmux', ['-S', this.#socket, 'kill-server']);
    await until(() => !existsSync(join(this.base, 'run/run.json')), 'nothing runs here any more');
    rmSync(this.base, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 }); // a watchdog may still be at it
  }

  get #socket(): string {
    return join(this.base, 'tmux.sock');
  }

  #tmux(...args: readonly string[]): string {
    return execFileSync('tmux', ['-S', this.#socket, ...args], { encoding: 'utf8' });
  }
}
