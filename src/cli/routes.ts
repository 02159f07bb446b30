import { ask } from '../control/client.ts';
import { ExitCode, FastfnError } from '../errors.ts';
import { readFunctions } from '../functions/discovery.ts';
import { type ReportedRoute, type RouteReport, reportRoutes } from '../functions/route-report.ts';
import type { ProjectConfig } from '../project/types.ts';
import { forTerminal } from '../terminal-text.ts';
import type { CommandRun } from './commands.ts';
import { requireStack } from './find-stack.ts';
import { loadInvokedProject } from './load-project.ts';
import { alignColumns } from './table.ts';
import type { Invocation, Terminal } from './terminal.ts';

/** `fastfn routes [dir]` (P18, P31): what the folder answers, read now or told by the running stack. */
export const routes: CommandRun = async (invocation, terminal) => {
  const { flags } = invocation;
  const config = await loadInvokedProject('dev', invocation, terminal);
  const found = flags.live ? await askRunning(config, invocation) : await readReport(config);
  const report = flags.conflicts ? { ...found, routes: [] } : found;
  if (flags.json) terminal.out.text(`${JSON.stringify(report, null, 2)}\n`);
  else show(report, flags.conflicts === true, terminal);
  const count = report.conflicts.length;
  if (count === 0) return ExitCode.ok;
  throw new FastfnError(
    'ROUTE_CONFLICT',
    `${count} ${count === 1 ? 'route is' : 'routes are'} claimed more than once`,
    {
      hint: 'Keep one of the files; until then these routes answer 409.',
    },
  );
};

async function readReport(config: ProjectConfig): Promise<RouteReport> {
  return reportRoutes(config.functionsRoot, await readFunctions(config));
}

async function askRunning(config: ProjectConfig, invocation: Invocation): Promise<RouteReport> {
  const stack = await requireStack(config, invocation, invocation.args[0]);
  return (await ask(stack, { path: '/_fn/routes' })).document as RouteReport;
}

function show({ functions_root: root, routes, conflicts, skipped }: RouteReport, isBrief: boolean, terminal: Terminal) {
  const { out, err } = terminal;
  const tables = [
    toTable(['METHODS', 'PATH', 'FUNCTION', 'FILE', 'NOTES'], routes.map(toRow)),
    toTable(
      ['CONFLICT', 'PATH', 'CLAIMS'],
      conflicts.map(({ path, methods, claims }) => [methods.join(','), path, claims.join(' ')]),
    ),
  ];
  const text = tables.filter((table) => table !== '').join('\n');
  out.text(text);
  if (isBrief && conflicts.length === 0) err.line('no conflicts');
  else if (text === '') err.line(`no functions in ${root}`);
  for (const { path, reason } of skipped) err.line(forTerminal(`warning: ${path}: skipped: ${reason}`, false));
}

function toTable(header: readonly string[], rows: readonly (readonly string[])[]): string {
  if (rows.length === 0) return '';
  const used = header.filter((_, index) => rows.some((row) => row[index] !== ''));
  return alignColumns([used, ...rows])
    .map((line) => `${line}\n`)
    .join('');
}

function toRow({ methods, path, function: key, file, hosts, auth, schedule }: ReportedRoute): string[] {
  const notes = [
    ...(auth === 'none' ? [] : [auth]),
    ...(hosts.length === 0 ? [] : [`hosts: ${hosts.join(',')}`]),
    ...(schedule ? ['scheduled'] : []),
  ];
  return [methods.join(','), path, key, file, notes.join('; ')];
}
