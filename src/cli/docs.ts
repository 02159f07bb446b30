import { ExitCode } from '../errors.ts';
import type { CommandRun } from './commands.ts';
import { requireStack } from './find-stack.ts';
import { loadInvokedProject } from './load-project.ts';
import { openBrowser } from './open-browser.ts';

/** `fastfn docs [dir]` (P14): the address of the running stack's documentation, which a browser opens if there is one. */
export const docs: CommandRun = async (invocation, terminal) => {
  const config = await loadInvokedProject('dev', invocation, terminal);
  const stack = await requireStack(config, invocation, invocation.args[0]);
  const page = `${stack.url}/_fn/docs`;
  terminal.out.line(page);
  if (!invocation.flags.print && hasDisplay(terminal.env)) openBrowser(page);
  return ExitCode.ok;
};

/** Where there is no display a browser would be one in the terminal, which nobody asked for. */
function hasDisplay(env: NodeJS.ProcessEnv): boolean {
  return process.platform === 'darwin' || Boolean(env.DISPLAY || env.WAYLAND_DISPLAY);
}
