import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { type Begin, type FromContainer, parseMessage, SILENCE_MS, ToContainer } from './messages.ts';

type Order = Exclude<ToContainer, Begin | { type: 'beat' }>;

/** Inside a container: the stream to the process on the host that owns it (P65). */
export interface OwnerLink {
  /** The first message; null when the owner went away before it came. */
  readonly begin: Promise<Begin | null>;
  tell(message: FromContainer): void;
  /** Resolves when everything said so far has been taken. */
  flush(): Promise<void>;
}

/** `onGone` is called once, when the stream ends or stays silent. */
export function openOwnerLink(
  input: Readable,
  output: Writable,
  { onOrder, onGone }: { onOrder(order: Order): void; onGone(): void },
): OwnerLink {
  let begun!: (message: Begin | null) => void;
  const begin = new Promise<Begin | null>((resolve) => {
    begun = resolve;
  });
  const gone = () => {
    clearTimeout(silence);
    lines.removeAllListeners();
    lines.close();
    begun(null);
    onGone();
  };
  const silence = setTimeout(gone, SILENCE_MS);
  const lines = createInterface({ input });
  lines.on('line', (line) => {
    silence.refresh();
    const message = parseMessage(ToContainer, line);
    if (message?.type === 'begin') begun(message);
    else if (message !== undefined && message.type !== 'beat') onOrder(message);
  });
  lines.once('close', gone);
  output.on('error', () => {}); // nobody listens any more; the end of the input says so too
  return {
    begin,
    tell: (message) => {
      output.write(`${JSON.stringify(message)}\n`);
    },
    flush: () => new Promise((resolve) => output.write('', () => resolve())),
  };
}
