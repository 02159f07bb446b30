/** A log line is at most this long; longer ones are split and marked (P116). */
export const MAX_LINE_BYTES = 16_384;

/**
 * Cuts a process's output into lines of text, at most MAX_LINE_BYTES each; `continued` marks all but the last piece of
 * a longer one. Holds at most one piece in memory, whatever the process writes. Bytes that are not UTF-8 are replaced.
 */
export class LineSplitter {
  readonly #onLine: (line: string, continued: boolean) => void;
  #held: Buffer[] = [];
  #heldBytes = 0;

  constructor(onLine: (line: string, continued: boolean) => void) {
    this.#onLine = onLine;
  }

  write(chunk: Buffer): void {
    let from = 0;
    for (let end = chunk.indexOf(10); end !== -1; end = chunk.indexOf(10, from)) {
      this.#hold(chunk.subarray(from, end));
      this.#emit(false);
      from = end + 1;
    }
    this.#hold(chunk.subarray(from));
  }

  /** The process has ended: an unfinished line is a line too. */
  end(): void {
    if (this.#heldBytes > 0) this.#emit(false);
  }

  #hold(bytes: Buffer): void {
    let rest = bytes;
    while (this.#heldBytes + rest.length > MAX_LINE_BYTES) {
      const room = MAX_LINE_BYTES - this.#heldBytes;
      this.#push(rest.subarray(0, room));
      rest = rest.subarray(room);
      this.#emit(true);
    }
    if (rest.length > 0) this.#push(rest);
  }

  #push(bytes: Buffer): void {
    this.#held.push(bytes);
    this.#heldBytes += bytes.length;
  }

  #emit(continued: boolean): void {
    const piece = this.#held.length === 1 ? this.#held[0]! : Buffer.concat(this.#held, this.#heldBytes);
    const cut = continued ? characterBoundary(piece) : withoutReturn(piece);
    this.#held = [];
    this.#heldBytes = 0;
    this.#onLine(piece.toString('utf8', 0, cut), continued);
    if (continued && cut < piece.length) this.#push(piece.subarray(cut));
  }
}

/** Where to cut so that no UTF-8 character is torn: before an unfinished one at the end, else the end itself. */
function characterBoundary(bytes: Buffer): number {
  for (let back = 1; back <= 3 && back <= bytes.length; back++) {
    const byte = bytes[bytes.length - back]!;
    if (byte < 0x80) break;
    if (byte >= 0xc0) return back < characterBytes(byte) ? bytes.length - back : bytes.length;
  }
  return bytes.length;
}

function characterBytes(lead: number): number {
  if (lead >= 0xf0) return 4;
  return lead >= 0xe0 ? 3 : 2;
}

function withoutReturn(bytes: Buffer): number {
  return bytes.at(-1) === 13 ? bytes.length - 1 : bytes.length;
}
