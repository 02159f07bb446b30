import { ExitCode } from '../errors.ts';
import { reportFailure } from './failure.ts';
import { Output } from './output.ts';
import { describeVersion } from './version.ts';

/** What a paused terminal has not taken by then it does not get; the process must end. */
const PATIENCE_MS = 1000;

await main(process.argv.slice(2));

/** `--version` is answered before anything else is loaded; every other command line is parsed by commander. */
async function main(argv: readonly string[]): Promise<void> {
  const [out, err] = [new Output(process.stdout), new Output(process.stderr)];
  if (asksForVersion(argv)) out.line(describeVersion(argv.includes('--json')));
  else process.exitCode = await runCommand(argv, out, err);
  await out.flush();
  if (out.failure !== null) {
    err.line(`error: standard output: ${out.failure.message}`);
    process.exitCode ||= ExitCode.failure;
  }
  await err.flush(PATIENCE_MS);
  process.exit();
}

function asksForVersion(argv: readonly string[]): boolean {
  const words = argv.filter((word) => word !== '--json');
  return words.length === 1 && (words[0] === '--version' || words[0] === 'version');
}

async function runCommand(argv: readonly string[], out: Output, err: Output): Promise<number> {
  const { env } = process;
  try {
    const { execute } = await import('./program.ts');
    return await execute(argv, { out, err, env, cwd: process.cwd(), hasTerminalInput: process.stdin.isTTY === true });
  } catch (error) {
    return reportFailure(error, err, asksForDetails(argv, env));
  }
}

/** Read before parsing, because parsing may be what fails. */
function asksForDetails(argv: readonly string[], env: NodeJS.ProcessEnv): boolean {
  const line = ` ${argv.join(' ')} `;
  return env.FN_LOG_LEVEL === 'debug' || / (-v|--verbose|--log-level[ =]debug) /.test(line);
}
