import fc from 'fast-check';
import { expect, test } from 'vitest';
import { LineSplitter, MAX_LINE_BYTES } from '../../src/workers/lines.ts';

function split(chunks: readonly Buffer[]): { line: string; continued: boolean }[] {
  const lines: { line: string; continued: boolean }[] = [];
  const splitter = new LineSplitter((line, continued) => lines.push({ line, continued }));
  for (const chunk of chunks) splitter.write(chunk);
  splitter.end();
  return lines;
}

const texts = (...chunks: string[]) => split(chunks.map((chunk) => Buffer.from(chunk))).map(({ line }) => line);

test('P116: one line of output is one log line, however it arrives', () => {
  expect(texts('one\ntw', 'o\r\n', '\nth', 'ree')).toEqual(['one', 'two', '', 'three']);
});

test('P116: a line above 16 KiB is split, and every piece but the last is marked', () => {
  const lines = split([Buffer.from(`${'x'.repeat(2 * MAX_LINE_BYTES + 5)}\nnext\n`)]);
  expect(lines.map(({ line, continued }) => [line.length, continued])).toEqual([
    [MAX_LINE_BYTES, true],
    [MAX_LINE_BYTES, true],
    [5, false],
    [4, false],
  ]);
});

test('a line of exactly 16 KiB is whole', () => {
  expect(split([Buffer.from(`${'x'.repeat(MAX_LINE_BYTES)}\n`)])).toHaveLength(1);
});

test('P116: bytes that are not UTF-8 are replaced', () => {
  expect(split([Buffer.from([0x61, 0xff, 0x0a])])[0]?.line).toBe('a\ufffd');
});

test.each(['é', '日', '🙂'])('splitting never tears a character (%s)', (character) => {
  const text = character.repeat(20_000);
  for (const shift of ['', 'x', 'xx', 'xxx']) expect(texts(`${shift}${text}\n`).join('')).toBe(shift + text);
});

test('whatever is written, the pieces together are the lines, and none is above 16 KiB', () => {
  const line = fc.oneof(
    fc.string({ unit: 'grapheme', maxLength: 50 }).map((text) => text.replace(/[\r\n]/g, '')),
    fc.integer({ min: 1, max: 40_000 }).map((length) => 'y'.repeat(length)),
  );
  fc.assert(
    fc.property(fc.array(line, { maxLength: 6 }), fc.nat(), (lines, cut) => {
      const written = Buffer.from(lines.map((text) => `${text}\n`).join(''));
      const at = cut % (written.length + 1);
      const pieces = split([written.subarray(0, at), written.subarray(at)]);
      expect(pieces.map((piece) => (piece.continued ? piece.line : `${piece.line}\n`)).join('')).toBe(
        written.toString(),
      );
      for (const piece of pieces) expect(Buffer.byteLength(piece.line)).toBeLessThanOrEqual(MAX_LINE_BYTES);
    }),
    { numRuns: 50 },
  );
});
