import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { FastfnError } from '../../errors.ts';
import type { Terminal } from '../terminal.ts';

/** Asks for a secret without showing it, or reads all of standard input where nobody sits there; one new line at its end is dropped. */
export async function readValue(name: string, terminal: Terminal): Promise<string> {
  const value = terminal.hasTerminalInput
    ? await ask(name, terminal)
    : (await text(process.stdin)).replace(/\r?\n$/, '');
  if (value === '')
    throw new FastfnError('USAGE', `no value for ${name}`, { hint: 'The value is read from standard input.' });
  return value;
}

async function ask(name: string, terminal: Terminal): Promise<string> {
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  const questions = createInterface({ input: process.stdin, output: nowhere, terminal: true });
  terminal.err.text(`Value of ${name} (not shown): `);
  try {
    return await new Promise<string>((resolve, reject) => {
      questions.once('close', () => reject(new FastfnError('INTERRUPTED', 'nothing was changed')));
      questions.question('').then(resolve, reject);
    });
  } finally {
    questions.close();
    terminal.err.line('');
  }
}
