import { closeSync, mkdirSync, openSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { createInterface } from 'node:readline';
import { FastfnError } from '../errors.ts';

/** Lines of output that a failure shows (P59). */
const TAIL_LINES = 40;

/** What a daemon writes while it builds: one JSON object per line. */
interface BuildMessage {
  readonly stream?: string;
  readonly error?: string;
}

/** Follows a build: every line into a file, every step to the user, and the end of it where it fails. */
export class BuildLog {
  readonly #path: string;
  readonly #file: number;
  readonly #onStep: (line: string) => void;
  #step = '';
  #tail: string[] = [];

  constructor(path: string, onStep: (line: string) => void) {
    mkdirSync(dirname(path), { recursive: true });
    this.#path = path;
    this.#file = openSync(path, 'w', 0o600);
    this.#onStep = onStep;
  }

  /** Resolves when the build is done; rejects with what the daemon says when it is not. */
  async follow(answer: NodeJS.ReadableStream): Promise<void> {
    let failure: string | undefined;
    let isDone = false;
    for await (const line of createInterface({ input: answer, crlfDelay: Number.POSITIVE_INFINITY })) {
      const { stream, error } = JSON.parse(line) as BuildMessage;
      if (stream !== undefined) this.#hear(stream);
      if (stream?.startsWith('Successfully built')) isDone = true;
      failure ??= error;
    }
    if (failure !== undefined) throw new Error(failure);
    if (!isDone) throw new Error('the daemon ended the build without a word');
  }

  /** The failure of a step, after the last lines of its output. */
  explain(cause: unknown): FastfnError {
    const reason = (cause as Error).message.trim();
    this.#hear(`${reason}\n`);
    for (const line of this.#tail) this.#onStep(`  ${line}`);
    const where = this.#step === '' ? '' : ` at ${this.#step}`;
    const isFull = /no space left on device/i.test(this.#tail.join('\n'));
    return new FastfnError(
      'IMAGE_FAILED',
      `the image could not be built${where}: ${isFull ? 'the disk is full' : reason}`,
      {
        hint: isFull ? 'Remove what is not used any more: docker system prune' : `All output: ${this.#path}`,
        cause,
      },
    );
  }

  close(): void {
    closeSync(this.#file);
  }

  #hear(text: string): void {
    writeSync(this.#file, text);
    const lines = text.split('\n').filter((line) => line.trim() !== '');
    this.#tail = [...this.#tail, ...lines].slice(-TAIL_LINES);
    const [, step, steps, instruction] = /^Step (\d+)\/(\d+) : (.*)/.exec(text) ?? [];
    if (step === undefined) return;
    this.#step = `step ${step} of ${steps} (${instruction})`;
    if (/^(RUN|COPY)/.test(instruction ?? '')) this.#onStep(this.#step); // the others take no time
  }
}
