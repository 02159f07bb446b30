/** Where something stands in a file, counted from 1; columns are UTF-16 units, as editors count. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

export interface DuplicateKey {
  /** Path of the key, like `limits.timeout-ms`. */
  readonly path: string;
  readonly at: Position;
  readonly first: Position;
}

export class JsonSyntaxError extends Error {
  readonly at: Position;

  constructor(problem: string, at: Position) {
    super(problem);
    this.name = 'JsonSyntaxError';
    this.at = at;
  }
}

const WHITESPACE = /[ \t\n\r]*/y;
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const WORD = /true|false|null/y;
// biome-ignore lint/suspicious/noControlCharactersInRegex: RFC 8259 forbids exactly these inside a string
const STRING = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;
const MAX_DEPTH = 100; // a configuration is never deeper, and the reader calls itself per level

/**
 * Reads strict JSON (RFC 8259) and says what JSON.parse cannot: line and column of a mistake, and keys given twice.
 * A leading byte order mark is skipped.
 */
export function parseJson(source: string): { value: unknown; duplicates: readonly DuplicateKey[] } {
  const reader = new Reader(source);
  return { value: reader.document(), duplicates: reader.duplicates };
}

class Reader {
  readonly duplicates: DuplicateKey[] = [];
  #source: string;
  #at: number;

  constructor(source: string) {
    this.#source = source;
    this.#at = source.startsWith('\uFEFF') ? 1 : 0;
  }

  document(): unknown {
    const value = this.#value([]);
    if (this.#peek() !== undefined) this.#fail('unexpected text after the end of the document');
    return value;
  }

  #value(path: readonly string[]): unknown {
    if (path.length > MAX_DEPTH) this.#fail(`nested deeper than ${MAX_DEPTH} levels`);
    const next = this.#peek();
    if (next === '{') return this.#object(path);
    if (next === '[') return this.#array(path);
    if (next === '"') return this.#string();
    const scalar = this.#match(NUMBER) ?? this.#match(WORD);
    return scalar === undefined ? this.#fail('expected a value') : JSON.parse(scalar);
  }

  #object(path: readonly string[]): Record<string, unknown> {
    const members = new Map<string, unknown>();
    const seen = new Map<string, Position>();
    this.#at++;
    if (this.#skip('}')) return {};
    do {
      if (this.#peek() !== '"')
        this.#fail(this.#peek() === '}' ? 'a comma before "}"' : 'expected a key in double quotes');
      const at = this.#position(this.#at);
      const key = this.#string();
      const first = seen.get(key);
      if (first) this.duplicates.push({ path: [...path, key].join('.'), at, first });
      else seen.set(key, at);
      if (!this.#skip(':')) this.#fail(`expected ":" after the key ${JSON.stringify(key)}`);
      members.set(key, this.#value([...path, key]));
    } while (this.#skip(','));
    if (!this.#skip('}')) this.#fail('expected "," or "}"');
    return Object.fromEntries(members);
  }

  #array(path: readonly string[]): unknown[] {
    const items: unknown[] = [];
    this.#at++;
    if (this.#skip(']')) return items;
    do {
      if (this.#peek() === ']') this.#fail('a comma before "]"');
      items.push(this.#value([...path, String(items.length)]));
    } while (this.#skip(','));
    if (!this.#skip(']')) this.#fail('expected "," or "]"');
    return items;
  }

  #string(): string {
    const literal = this.#match(STRING);
    return literal === undefined
      ? this.#fail('a string that does not end on its line or has a bad escape')
      : JSON.parse(literal);
  }

  /** The next character that is not white space; undefined at the end. */
  #peek(): string | undefined {
    this.#match(WHITESPACE);
    return this.#source[this.#at];
  }

  #skip(character: string): boolean {
    if (this.#peek() !== character) return false;
    this.#at++;
    return true;
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const text = pattern.exec(this.#source)?.[0];
    this.#at += text?.length ?? 0;
    return text;
  }

  #fail(problem: string): never {
    const found = this.#peek() === undefined ? `${problem}, but the file ends here` : problem;
    throw new JsonSyntaxError(found, this.#position(this.#at));
  }

  #position(offset: number): Position {
    const before = this.#source.slice(0, offset);
    const lineStart = before.lastIndexOf('\n') + 1;
    return { line: before.split('\n').length, column: offset - lineStart + 1 };
  }
}
