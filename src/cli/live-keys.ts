import { isForeground } from './interactive.ts';

/** The input of a terminal, as far as keys are concerned. */
export interface KeyInput {
  setRawMode(isRaw: boolean): unknown;
  on(event: 'data', listener: (bytes: Buffer) => void): unknown;
  on(event: 'error', listener: () => void): unknown;
  off(event: 'data', listener: (bytes: Buffer) => void): unknown;
  resume(): unknown;
  pause(): unknown;
}

export interface KeyOptions {
  readonly input: KeyInput;
  /** Called with each printable key, and with `\r`. */
  onKey(key: string): void;
  /** The shell takes the terminal, or gives it back. */
  onSuspend(): void;
  onResume(): void;
}

/** What the terminal itself does with these keys while they are not taken from it (termios(3): VINTR, VQUIT, VSUSP). */
const SIGNALS: Readonly<Record<string, NodeJS.Signals>> = {
  '\u0003': 'SIGINT',
  '\u001c': 'SIGQUIT',
  '\u001a': 'SIGTSTP',
};

/**
 * Single keys without Enter. Ctrl-C, Ctrl-\ and Ctrl-Z keep their meaning: they signal the whole foreground process group,
 * as the terminal would.
 */
export class Keys {
  readonly #options: KeyOptions;
  readonly #onData = (bytes: Buffer) => this.#typed(bytes.toString('latin1'));
  readonly #onContinue = () => this.#continue();
  readonly #onExit = () => this.#stop();
  #isListening = false;

  constructor(options: KeyOptions) {
    this.#options = options;
    options.input.on('error', () => this.#stop()); // the terminal is gone; SIGHUP says so too
  }

  open(): void {
    process.on('SIGCONT', this.#onContinue);
    process.on('exit', this.#onExit);
    this.#listen();
  }

  /** Gives the terminal back; harmless twice. */
  close(): void {
    process.off('SIGCONT', this.#onContinue);
    process.off('exit', this.#onExit);
    this.#stop();
  }

  #listen(): void {
    const { input } = this.#options;
    this.#isListening = true;
    input.setRawMode(true);
    input.on('data', this.#onData);
    input.resume();
  }

  #stop(): void {
    if (!this.#isListening) return;
    this.#isListening = false;
    const { input } = this.#options;
    input.off('data', this.#onData);
    input.pause();
    input.setRawMode(false);
  }

  #typed(text: string): void {
    if (text.startsWith('\u001b')) return; // an arrow or function key
    for (const key of text) {
      const signal = SIGNALS[key];
      if (signal !== undefined) this.#signal(signal);
      else this.#options.onKey(key);
    }
  }

  #signal(signal: NodeJS.Signals): void {
    if (signal !== 'SIGINT') {
      this.#stop();
      this.#options.onSuspend();
    }
    process.kill(0, signal);
  }

  /** After Ctrl-Z, or a stop that could not be noticed: `fg` gives us the terminal again, `bg` does not. */
  #continue(): void {
    if (!isForeground()) return;
    this.#stop();
    this.#listen();
    this.#options.onResume();
  }
}
