import { userInfo } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { systemdUnit } from '../../deploy/systemd.ts';
import { FastfnError } from '../../errors.ts';
import { packageRoot } from '../../package-root.ts';
import { loadInvokedProject, workingDirectory } from '../load-project.ts';
import type { Invocation, Terminal } from '../terminal.ts';

/** `fastfn deploy systemd [dir]` (P302): a unit on standard output, what to do with it on standard error. */
export async function deploySystemd(invocation: Invocation, terminal: Terminal): Promise<void> {
  const config = await loadInvokedProject('run', invocation, terminal);
  const name = `fastfn-${basename(config.functionsRoot).replaceAll(/[^A-Za-z0-9_-]/g, '-')}`;
  const user = (invocation.flags.user as string | undefined) ?? defaultUser();
  if (!/^[A-Za-z_][A-Za-z0-9_-]{0,31}\$?$/.test(user))
    throw new FastfnError('USAGE', `--user: "${user}" is no user name`);
  const program = [process.execPath, join(packageRoot, 'bin/fastfn.js')];
  const flags = await givenFiles(invocation, terminal.cwd);
  terminal.out.text(systemdUnit({ config, name, user, program, flags, manual: join(packageRoot, 'docs/cli.md') }));
  terminal.err.line(`save it as /etc/systemd/system/${name}.service, then run "systemctl enable --now ${name}"`);
}

/** Files that the command line names, as flags that hold in any folder. */
async function givenFiles({ flags }: Invocation, cwd: string): Promise<string[]> {
  const base = await workingDirectory(flags.cwd as string | undefined, cwd);
  const named = [
    ...(flags.config === undefined ? [] : [['--config', flags.config as string] as const]),
    ...((flags['env-file'] ?? []) as readonly string[]).map((file) => ['--env-file', file] as const),
  ];
  return named.flatMap(([flag, file]) => [flag, resolve(base, file)]);
}

/** Whoever asks, but never root: handlers run as this user. */
function defaultUser(): string {
  const { uid, username } = userInfo();
  return uid === 0 ? 'fastfn' : username;
}
