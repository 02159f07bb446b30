/** The part of tar-stream 2 (which dockerode brings along) that we use; it has no types of its own. */
declare module 'tar-stream' {
  import type { Duplex, Readable, Writable } from 'node:stream';

  export interface Headers {
    name: string;
    type?: 'file' | 'directory' | 'symlink' | 'link' | (string & {});
    size?: number;
    mode?: number;
    uid?: number;
    gid?: number;
    mtime?: Date;
    linkname?: string | null;
  }
  export interface Pack extends Readable {
    entry(headers: Headers, content: Buffer | string): Writable;
    entry(headers: Headers, done: (error?: Error | null) => void): Writable;
    finalize(): void;
  }
  export interface Extract extends Writable {
    on(event: 'entry', listener: (headers: Required<Headers>, stream: Duplex, next: () => void) => void): this;
    on(event: string, listener: (...args: never[]) => void): this;
  }
  export function pack(): Pack;
  export function extract(): Extract;
}
