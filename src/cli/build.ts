import { basename, join } from 'node:path';
import { buildApp } from '../docker/build-app.ts';
import { connectEngine } from '../docker/engine.ts';
import { ExitCode, FastfnError } from '../errors.ts';
import { readFunctions } from '../functions/discovery.ts';
import type { Discovery } from '../functions/types.ts';
import type { ProjectConfig } from '../project/types.ts';
import { type CommandRun, longName, UNAVAILABLE_BUILD_FLAGS } from './commands.ts';
import { loadInvokedProject } from './load-project.ts';
import { describeEvent } from './render-plain.ts';
import type { Invocation, Terminal } from './terminal.ts';
import { readCommit } from './version.ts';
import { createView } from './view.ts';

/** `fastfn build [dir] -t NAME` (P298). */
export const build: CommandRun = async (invocation, terminal) => {
  for (const name of UNAVAILABLE_BUILD_FLAGS.map(longName)) {
    if (invocation.flags[name]) throw new FastfnError('NOT_AVAILABLE', `--${name} is not available in this version`);
  }
  const config = await loadInvokedProject('run', invocation, terminal);
  const tag = imageName(invocation, config);
  const [functions, engine] = await Promise.all([usableFunctions(config, terminal), connectEngine(terminal.env)]);
  const stop = new AbortController();
  const interrupt = () => stop.abort(new FastfnError('INTERRUPTED', 'the build was interrupted'));
  process.once('SIGINT', interrupt).once('SIGTERM', interrupt);
  try {
    const { id, secrets } = await buildApp(engine, {
      config,
      functions,
      tag,
      revision: readCommit(join(config.projectDir, '.git')),
      request: {
        baseImage: config.docker.baseImage,
        image: config.docker.image,
        isForced: false,
        logFile: join(config.logs.dir, 'docker-build.log'),
        env: terminal.env,
        signal: stop.signal,
        onProgress: (line) => config.quiet || terminal.err.line(line),
      },
    });
    report(invocation, terminal, { image: tag, id, secrets });
    return ExitCode.ok;
  } finally {
    process.off('SIGINT', interrupt).off('SIGTERM', interrupt);
  }
};

/** `-t NAME`, else the project folder's name in the letters that Docker takes. */
function imageName({ flags }: Invocation, { projectDir }: ProjectConfig): string {
  const given = flags.tag as string | undefined;
  const name =
    given ??
    basename(projectDir)
      .toLowerCase()
      .replace(/[^a-z0-9]+/g, '-')
      .replace(/^-|-$/g, '');
  if (!IMAGE_NAME.test(name)) {
    throw new FastfnError('USAGE', `${JSON.stringify(name)} is not a name for an image`, {
      hint: 'Use one like shop/api:1.2.',
    });
  }
  return /:[^/]+$/.test(name) ? name : `${name}:latest`;
}

/** `host:port/path/name:tag`, as Docker takes it (distribution/reference). */
const IMAGE_NAME =
  /^(?:[\w.-]+(?::\d+)?\/)?[a-z0-9]+(?:[._-]+[a-z0-9]+)*(?:\/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)*(?::\w[\w.-]{0,127})?$/;

/** A configuration that cannot be used would be found by nobody once the image runs elsewhere (P6). */
async function usableFunctions(config: ProjectConfig, terminal: Terminal): Promise<Discovery['functions']> {
  const { functions, problems } = await readFunctions(config);
  const broken = problems.filter(({ kind, severity }) => kind === 'config' && severity === 'error');
  if (broken.length > 0) {
    throw new FastfnError(
      'FUNCTION_CONFIG_INVALID',
      broken.map(({ path, message }) => `${path}: ${message}`).join('\n'),
    );
  }
  const shown = problems.filter((problem) => !/is not set in the environment/.test(problem.message)); // set where the image runs
  const view = await createView(config, terminal.err, terminal);
  for (const problem of shown) {
    for (const line of describeEvent({ type: 'problem', ...problem }, view)) terminal.err.line(line);
  }
  if (functions.length === 0) throw new FastfnError('USAGE', `no functions in ${config.functionsRoot}`);
  return functions;
}

interface Built {
  readonly image: string;
  readonly id: string;
  readonly secrets: readonly string[];
}

function report({ flags }: Invocation, { out, err }: Terminal, built: Built): void {
  if (flags.json) {
    out.text(`${JSON.stringify(built)}\n`);
    return;
  }
  out.line(`built ${built.image} (${built.id})`);
  if (built.secrets.length > 0) err.line(`set when it runs: ${built.secrets.join(', ')}`);
  err.line(`run it: docker run --rm -p 127.0.0.1:8080:8080 ${built.image}`);
}
