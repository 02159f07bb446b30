import { type AskedStack, ask, type ControlAnswer } from '../control/client.ts';
import { type Answer, compareAnswer } from './compare.ts';
import type { TestCase } from './events.ts';
import type { TestResult } from './report.ts';

/** Runs test events one after the other against a stack of their own; stops early when the signal is aborted. */
export async function runTests(
  tests: readonly TestCase[],
  stack: AskedStack,
  signal: AbortSignal,
): Promise<readonly TestResult[]> {
  await ask(stack, { method: 'POST', path: '/_fn/reload', body: {}, isPatient: true }); // settles: first installs have ended
  const results: TestResult[] = [];
  for (const test of tests) {
    if (signal.aborted) break;
    const startedAt = performance.now();
    const given = await ask(stack, { method: 'POST', path: '/_fn/invoke', body: test.call, isPatient: true });
    const { answer, output } = read(given);
    const ms = performance.now() - startedAt;
    results.push({ test, ms, failures: compareAnswer(test.expected, answer), output });
  }
  return results;
}

/** The handler's answer; or that of the platform, which refuses a method or a body as it would for any request. */
function read({ status, document }: ControlAnswer): { readonly answer: Answer; readonly output: string } {
  if (status !== 200) return { answer: { status, headers: {}, body: JSON.stringify(document) }, output: '' };
  const envelope = document as {
    readonly status: number;
    readonly headers: Answer['headers'];
    readonly body?: string;
    readonly body_base64?: string;
    readonly stdout?: string;
    readonly stderr?: string;
  };
  const { body = envelope.body_base64 ?? '', stdout = '', stderr = '' } = envelope;
  return { answer: { status: envelope.status, headers: envelope.headers, body }, output: stdout + stderr };
}
