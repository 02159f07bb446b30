import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { json } from 'node:stream/consumers';
import { promisify } from 'node:util';
import * as z from 'zod';
import { linkPath, linkTarget } from '../dependencies/folder-link.ts';
import { createInstaller } from '../dependencies/installer.ts';
import type { InstallResult } from '../dependencies/types.ts';
import { findNativePrerequisites } from '../doctor/native.ts';
import { isMissing, type Program } from '../doctor/types.ts';
import { ExitCode, FastfnError } from '../errors.ts';
import { readFunctions } from '../functions/discovery.ts';
import type { DependencyManifest } from '../functions/types.ts';
import { installerOptions } from '../stack/install-tools.ts';
import type { CommandRun } from './commands.ts';
import { loadInvokedProject } from './load-project.ts';
import { describeEvent } from './render-plain.ts';
import { createView } from './view.ts';

/** Memory: what lies there is in no layer of a container. */
const SETTINGS_DIR = '/dev/shm/fastfn';
const SYSTEM_AUTHORITIES = '/etc/ssl/certs/ca-certificates.crt';

const Settings = z.object({
  proxies: z.record(z.string(), z.string()),
  npmrc: z.string(),
  pip: z.record(z.string(), z.string()),
  authorities: z.string(),
});

/**
 * Installs the packages of every function below a folder, in the container of `fastfn build`. How to reach registries comes
 * over standard input; the links that function folders need go to standard output, as JSON.
 */
export const installPackages: CommandRun = async (invocation, terminal) => {
  adoptSettings(Settings.parse(await json(process.stdin)));
  const config = await loadInvokedProject('run', { ...invocation, settings: { native: true } }, terminal);
  const { functions } = await readFunctions(config);
  const prerequisites = await findNativePrerequisites(config, config.runtimes, { env: terminal.env });
  const view = await createView(config, terminal.err, terminal);
  const installer = createInstaller({
    ...installerOptions(prerequisites),
    config: { ...config, hopsDir: null },
    onEvent: (event) => {
      for (const line of describeEvent(event, view)) terminal.err.line(line);
    },
  });
  const wanted = functions.flatMap(({ key, manifest }) => (manifest === null ? [] : [{ key, manifest }]));
  const results = await Promise.all(
    wanted.map(({ key, manifest }) => installer.ensure(manifest, key, { demanded: true }).done),
  );
  await installer.close();
  requireAll(results, wanted);
  await compilePython(prerequisites.python, join(config.storeDir, 'pip'));
  terminal.out.text(JSON.stringify(Object.fromEntries(wanted.flatMap(({ manifest }) => linkOf(manifest)))));
  return ExitCode.ok;
};

/** The environment that installers inherit. */
function adoptSettings({ proxies, npmrc, pip, authorities }: z.infer<typeof Settings>): void {
  mkdirSync(SETTINGS_DIR, { mode: 0o700 });
  const write = (name: string, content: string) => {
    const path = join(SETTINGS_DIR, name);
    writeFileSync(path, content, { mode: 0o600 });
    return path;
  };
  const bundle = write('ca.pem', `${readFileSync(SYSTEM_AUTHORITIES, 'utf8')}${authorities}`);
  Object.assign(process.env, proxies, pip, {
    npm_config_userconfig: write('npmrc', npmrc),
    NODE_EXTRA_CA_CERTS: bundle, // npm
    PIP_CERT: bundle,
    PIP_COMPILE: '0', // see compilePython
    SSL_CERT_FILE: bundle, // composer
  });
}

/**
 * Compiles Python packages where they lie, to be taken as they are: an image is never written to. pip would do it in a folder
 * with a random name, which compiled files hold, so that no two images were equal.
 */
async function compilePython(python: Program | null, folder: string): Promise<void> {
  if (python === null || isMissing(python) || !existsSync(folder)) return;
  const args = ['-m', 'compileall', '-q', '--invalidation-mode', 'unchecked-hash', folder];
  await promisify(execFile)(python.path, args).catch(() => {}); // a package may hold files for other versions of Python
}

function requireAll(results: readonly InstallResult[], wanted: readonly { readonly key: string }[]): void {
  const failed = results.flatMap(({ state, reason }, index) =>
    state === 'failed' ? [`${wanted[index]!.key}: dependencies failed to install (${reason})`] : [],
  );
  if (failed.length > 0) throw new FastfnError('INSTALL_FAILED', failed.join('\n'));
}

function linkOf({ dir, tool }: DependencyManifest): [string, string][] {
  const path = linkPath(dir, tool);
  const target = path === null ? null : linkTarget(path);
  return path === null || target === null ? [] : [[path, target]];
}
