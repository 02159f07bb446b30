import { ExitCode, FastfnError } from '../errors.ts';
import { SECRET_VARIABLES } from '../project/environment.ts';
import type { ProjectConfig } from '../project/types.ts';
import type { RunningStack } from '../stack/running-stack.ts';
import { forgetSecrets } from '../workers/environment.ts';
import { reportFailure } from './failure.ts';
import { loadInvokedProject } from './load-project.ts';
import { openBrowser } from './open-browser.ts';
import { createRenderer, type Renderer } from './render.ts';
import { tellServiceManager } from './service-manager.ts';
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
    const { describeDryRun } = await import('./dry-run.ts');
    terminal.out.text(`${await describeDryRun(config)}\n`);
    return ExitCode.ok;
  }
  forgetSecrets(terminal.env, SECRET_VARIABLES, []);
  let stack: RunningStack | undefined;
  const renderer = await createRenderer(config, terminal, {
    reload: () => void reloadAll(stack, renderer).catch(onReloadFailure),
    open: () => stack && openBrowser(stack.url),
  });
  const onReloadFailure = (error: unknown) => void reportFailure(error, renderer, isDebugging(config));
  try {
    return await superviseStack({
      start: async (signal) => {
        for (const message of config.notes) renderer.show({ type: 'note', message });
        stack = await startStack(config, {
          env: terminal.env,
          isImageForced: flags.build === true,
          onEvent: (event) => {
            renderer.show(event);
            if (event.type === 'ready') tellServiceManager(terminal.env, 'READY=1');
            if (event.type === 'stopping') tellServiceManager(terminal.env, 'STOPPING=1');
          },
          signal,
        });
        if (flags.open) openBrowser(stack.url);
        return stack;
      },
      events: process,
      hasTerminalInput: terminal.hasTerminalInput,
      onReloadFailure,
    });
  } finally {
    await renderer.close();
  }
}

async function reloadAll(stack: RunningStack | undefined, renderer: Renderer): Promise<void> {
  await stack?.reload();
  renderer.show({ type: 'note', message: 'everything was read again' });
}

function isDebugging(config: ProjectConfig): boolean {
  return config.logs.level === 'debug';
}
