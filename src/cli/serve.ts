import { findNativePrerequisites } from '../doctor/native.ts';
import { ExitCode, FastfnError } from '../errors.ts';
import { SECRET_VARIABLES } from '../project/environment.ts';
import type { ProjectConfig } from '../project/types.ts';
import type { StackEvent } from '../stack/events.ts';
import { forgetSecrets } from '../workers/environment.ts';
import { describeDryRun } from './dry-run.ts';
import { reportFailure } from './failure.ts';
import { loadInvokedProject } from './load-project.ts';
import { openBrowser } from './open-browser.ts';
import { refuseDockerMode, requireNative } from './prerequisites.ts';
import { createRenderer } from './render.ts';
import { startStack } from './start-stack.ts';
import { superviseStack } from './supervise.ts';
import type { Invocation, Terminal } from './terminal.ts';

/** What `dev` and `run` have in common: they differ in defaults only (P10, P11, P27). */
export async function serve(command: 'dev' | 'run', invocation: Invocation, terminal: Terminal): Promise<ExitCode> {
  const { flags } = invocation;
  if (flags.build && invocation.settings.native)
    throw new FastfnError('USAGE', '--build is about the Docker image and cannot be used with --native');
  const config = await loadInvokedProject(command, invocation, terminal);
  if (flags['dry-run']) {
    terminal.out.text(`${describeDryRun(config)}\n`);
    return ExitCode.ok;
  }
  forgetSecrets(terminal.env, SECRET_VARIABLES, []);
  const prerequisites = await findNativePrerequisites(config, config.runtimes, { env: terminal.env });
  if (config.mode === 'docker') refuseDockerMode(command, prerequisites);
  const render = await createRenderer(config, terminal);
  for (const message of config.notes) render({ type: 'note', message });
  for (const warning of await requireNative(config, prerequisites)) render(warning);
  const onEvent = (event: StackEvent) => {
    render(event);
    if (event.type === 'ready' && flags.open) openBrowser(event.url);
  };
  return superviseStack({
    start: (signal) => startStack(config, { onEvent, prerequisites, signal }),
    events: process,
    hasTerminalInput: terminal.hasTerminalInput,
    onReloadFailure: (error) => reportFailure(error, terminal.err, isDebugging(config)),
  });
}

function isDebugging(config: ProjectConfig): boolean {
  return config.logs.level === 'debug';
}
