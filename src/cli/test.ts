import { randomBytes } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ExitCode, FastfnError } from '../errors.ts';
import { readFunctions } from '../functions/discovery.ts';
import { suggest } from '../functions/nearest.ts';
import type { ProjectConfig } from '../project/types.ts';
import type { StackEvent } from '../stack/events.ts';
import { fitted, OPERATOR_SOCKET } from '../stack/run-dir.ts';
import { readTestCases, type TestCase } from '../testing/events.ts';
import { countFailed, REPORTS, type ReportFormat, type TestResult } from '../testing/report.ts';
import { runTests } from '../testing/run.ts';
import type { CommandRun } from './commands.ts';
import { loadInvokedProject } from './load-project.ts';
import { describeEvent } from './render-plain.ts';
import { startStack } from './start-stack.ts';
import type { Invocation, Terminal } from './terminal.ts';
import { createView } from './view.ts';

/** `fastfn test [dir]` (P300): runs the test events of all functions in a stack of their own. */
export const test: CommandRun = async (invocation, terminal) => {
  const format = readFormat(invocation.flags);
  const config = privateConfig(await loadInvokedProject('dev', invocation, terminal));
  const tests = await readTestCases(config.functionsRoot, await readFunctions(config));
  if (tests.length === 0) {
    throw new FastfnError('USAGE', `no function of ${config.functionsRoot} has a fn.test_events.json`);
  }
  const stop = new AbortController();
  const interrupt = () => stop.abort();
  process.once('SIGINT', interrupt);
  process.once('SIGTERM', interrupt);
  const results = await runInStack(config, tests, terminal, stop.signal).catch((error: unknown) => {
    if (stop.signal.aborted) return []; // what was under way fails when its stack goes
    throw error;
  });
  if (stop.signal.aborted) return ExitCode.interrupted;
  terminal.out.text(`${REPORTS[format](results)}\n`);
  const failed = countFailed(results);
  if (failed === 0) return ExitCode.ok;
  throw new FastfnError('TESTS_FAILED', `${failed} of ${results.length} tests failed`);
};

function readFormat({ json, format = json ? 'json' : 'text' }: Invocation['flags']): ReportFormat {
  if (Object.hasOwn(REPORTS, String(format))) return format as ReportFormat;
  const known = Object.keys(REPORTS);
  throw new FastfnError('USAGE', `--format: unknown value "${format}"${suggest(String(format), known)}`, {
    hint: `One of ${known.join(', ')}.`,
  });
}

/** A stack on a free port that shares nothing with one of the same folder but installed packages, and leaves nothing behind. */
function privateConfig(config: ProjectConfig): ProjectConfig {
  const runDir = fitted(join(tmpdir(), `fastfn-tests-${randomBytes(6).toString('hex')}`));
  const stateDir = join(runDir, 'state');
  const logs = { ...config.logs, dir: join(stateDir, 'logs') };
  return {
    ...config,
    mode: 'native',
    host: '127.0.0.1',
    port: 0,
    hotReload: false,
    quiet: true,
    runDir,
    stateDir,
    logs,
  };
}

async function runInStack(
  config: ProjectConfig,
  tests: readonly TestCase[],
  terminal: Terminal,
  signal: AbortSignal,
): Promise<readonly TestResult[]> {
  const { err, env } = terminal;
  const view = await createView(config, err, terminal);
  const onEvent = (event: StackEvent) => {
    if (!isFailure(event)) return;
    for (const line of describeEvent(event, view)) err.line(line);
  };
  const stack = await startStack(config, { env, isImageForced: false, onEvent, signal });
  signal.addEventListener('abort', () => void stack.kill());
  try {
    const operatorSocket = join(config.runDir as string, OPERATOR_SOCKET);
    return await runTests(tests, { operatorSocket, url: stack.url, pid: process.pid }, signal);
  } finally {
    await stack.kill();
  }
}

/** What explains a failed test and is in no answer. */
function isFailure(event: StackEvent): boolean {
  return (
    (event.type === 'problem' && event.severity === 'error') || (event.type === 'install' && event.state === 'failed')
  );
}
