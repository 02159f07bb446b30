import { createInterface } from 'node:readline';
import { PassThrough } from 'node:stream';
import type Docker from 'dockerode';
import type { ContainerCreateOptions } from 'dockerode';
import { removeContainer } from './cleanup.ts';
import { BEAT_MS, FromContainer, parseMessage, type ToContainer } from './messages.ts';

/** A worker that was ended for its memory is replaced; the container ends of it at once or not at all. */
const MEMORY_ENDS_WITHIN_MS = 5000;

/** How a container ended. */
export interface ContainerExit {
  readonly code: number;
  /** Because its memory was used up. */
  readonly isOutOfMemory: boolean;
}

export interface RunHandlers {
  onMessage(message: FromContainer): void;
  /** A line of standard error: of what runs before, or beside, the stack's own report. */
  onErrorLine(line: string): void;
  /** The kernel ended a process of the container because its memory was used up. */
  onOutOfMemory(): void;
  /** The stream is gone: the container ended, or the daemon did. */
  onClosed(): void;
}

/** A started container and the stream it lives by (P65). */
export interface ContainerRun {
  readonly id: string;
  send(message: ToContainer): void;
  /** Resolves when the container is removed; never where the daemon went away. */
  readonly exited: Promise<ContainerExit>;
  /** Whether the daemon says that the container has ended and is being removed. */
  isEnding(): Promise<boolean>;
  /** Ends the container at once; resolves when it is removed. */
  kill(): Promise<void>;
  /** Ends the stream, and with it what holds this process. */
  close(): void;
}

/**
 * Creates a container, attaches to it and starts it, in this order, so that nothing it says is lost (P68). A container that
 * does not start is removed.
 */
export async function runContainer(
  docker: Docker,
  spec: ContainerCreateOptions,
  handlers: RunHandlers,
): Promise<ContainerRun> {
  try {
    return await attachAndStart(docker, spec, handlers);
  } catch (error) {
    if (!/rlimit/.test((error as Error).message)) throw error;
    // A daemon without the right to raise limits (a rootless one, say) has a lower one of its own, which then has to do.
    const { Ulimits, ...rest } = spec.HostConfig!;
    return attachAndStart(docker, { ...spec, HostConfig: rest }, handlers);
  }
}

async function attachAndStart(
  docker: Docker,
  spec: ContainerCreateOptions,
  handlers: RunHandlers,
): Promise<ContainerRun> {
  const container = await docker.createContainer(spec);
  let run: AttachedContainer | undefined;
  try {
    const stream = await container.attach({ stream: true, stdin: true, stdout: true, stderr: true, hijack: true });
    run = new AttachedContainer(docker, container.id, stream);
    await container.start();
    run.listen(handlers);
    return run;
  } catch (error) {
    run?.close();
    await removeContainer(docker, container.id);
    throw error;
  }
}

class AttachedContainer implements ContainerRun {
  readonly id: string;
  readonly exited: Promise<ContainerExit>;
  readonly #docker: Docker;
  readonly #stream: NodeJS.ReadWriteStream;
  readonly #beat: NodeJS.Timeout;
  readonly #watchMemory: Promise<NodeJS.ReadableStream>;
  #onOutOfMemory = () => {};
  #outOfMemoryAt = Number.NEGATIVE_INFINITY;

  constructor(docker: Docker, id: string, stream: NodeJS.ReadWriteStream) {
    this.id = id;
    this.#docker = docker;
    this.#stream = stream;
    this.#beat = setInterval(() => this.send({ type: 'beat' }), BEAT_MS);
    this.#watchMemory = this.#watchForOutOfMemory();
    this.exited = docker
      .getContainer(id)
      .wait({ condition: 'removed' })
      .then(({ StatusCode }) => ({
        code: StatusCode,
        isOutOfMemory: performance.now() - this.#outOfMemoryAt < MEMORY_ENDS_WITHIN_MS,
      }));
    this.exited.catch(() => {}); // whoever waits for it hears of it
  }

  send(message: ToContainer): void {
    if (this.#stream.writable) this.#stream.write(`${JSON.stringify(message)}\n`);
  }

  async isEnding(): Promise<boolean> {
    const found = await this.#docker
      .getContainer(this.id)
      .inspect()
      .catch(() => null);
    return found?.State.Running === false;
  }

  async kill(): Promise<void> {
    await removeContainer(this.#docker, this.id);
  }

  close(): void {
    clearInterval(this.#beat);
    (this.#stream as unknown as { destroy(): void }).destroy();
    void this.#watchMemory.then((events) => (events as unknown as { destroy(): void }).destroy()).catch(() => {});
  }

  /** From now on the handlers hear what the container says; it waits in the stream until then. */
  listen({ onMessage, onErrorLine, onOutOfMemory, onClosed }: RunHandlers): void {
    this.#onOutOfMemory = onOutOfMemory;
    const [output, errors] = [new PassThrough(), new PassThrough()];
    this.#docker.modem.demuxStream(this.#stream, output, errors);
    createInterface({ input: output }).on('line', (line) => {
      const message = parseMessage(FromContainer, line);
      if (message === undefined) onErrorLine(line);
      else onMessage(message);
    });
    createInterface({ input: errors }).on('line', onErrorLine);
    this.#stream.on('error', () => {}); // 'close' follows
    this.#stream.once('close', () => {
      clearInterval(this.#beat);
      output.end();
      errors.end();
      output.once('end', onClosed);
      output.resume();
    });
  }

  /** The daemon tells of it in an event only: a container that removes itself cannot be asked afterwards. */
  async #watchForOutOfMemory(): Promise<NodeJS.ReadableStream> {
    const filters = JSON.stringify({ container: [this.id], event: ['oom'] });
    const events = await this.#docker.getEvents({ filters: filters as unknown as { [key: string]: string[] } });
    events.on('data', () => {
      this.#outOfMemoryAt = performance.now();
      this.#onOutOfMemory();
    });
    events.on('error', () => {});
    return events;
  }
}
