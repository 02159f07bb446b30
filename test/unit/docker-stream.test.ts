import { PassThrough } from 'node:stream';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { openOwnerLink } from '../../src/docker/owner-link.ts';

describe('P65: the stream between a container and its owner', () => {
  let input: PassThrough;
  let output: PassThrough;
  let gone: number;
  let orders: string[];

  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    [input, output, gone, orders] = [new PassThrough(), new PassThrough(), 0, []];
  });
  afterEach(() => vi.useRealTimers());

  const open = () =>
    openOwnerLink(input, output, {
      onOrder: ({ type }) => orders.push(type),
      onGone: () => {
        gone++;
      },
    });
  /** Lets the stream and the reader of its lines take what was written. */
  const taken = async () => {
    for (let turns = 0; turns < 10; turns++) await new Promise((resolve) => setImmediate(resolve));
  };

  test('an owner who ends the stream is gone, and nothing begins', async () => {
    const link = open();
    input.end();
    expect(await link.begin).toBeNull();
    expect(gone).toBe(1);
  });

  test('an owner who is silent for 10 s is gone; one who beats is not', async () => {
    open();
    for (let beats = 0; beats < 10; beats++) {
      vi.advanceTimersByTime(9000);
      input.write('{"type":"beat"}\n');
      await taken();
    }
    expect(gone).toBe(0);
    vi.advanceTimersByTime(10_000);
    expect(gone).toBe(1);
  });

  test('lines of another version or of nobody are passed over', async () => {
    open();
    input.write('{"type":"later","x":1}\nnot json\n{"type":"stop","more":true}\n');
    await taken();
    expect(orders).toEqual(['stop']);
  });
});
