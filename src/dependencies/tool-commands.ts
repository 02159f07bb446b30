import { type ToolCommand, toolEnvironment } from './run-tool.ts';
import type { Staging } from './store.ts';
import type { InstallerOptions, ManifestSnapshot, Tool } from './types.ts';

type Binaries = InstallerOptions['binaries'];

/**
 * The commands that fill a staging folder, best first: the next one is tried when one fails. null when the program was
 * not found on this host. `dir` is the folder of the manifest.
 */
export function toolCommands(
  snapshot: ManifestSnapshot,
  staging: Staging,
  dir: string,
  binaries: Binaries,
): readonly ToolCommand[] | null {
  if (snapshot.tool === 'pip') return pipCommands(snapshot, staging, dir, binaries);
  if (snapshot.tool === 'npm') return npmCommands(snapshot, staging, binaries.npm);
  return composerCommands(staging, binaries.composer);
}

/** What a user has to install when `toolCommands` has nothing. */
export const MISSING_TOOL: Readonly<Record<Tool, string>> = {
  pip: 'python with pip is not installed',
  npm: 'npm is not installed',
  composer: 'composer is not installed',
};

function pipCommands(snapshot: ManifestSnapshot, staging: Staging, dir: string, binaries: Binaries) {
  const pip = binaries.pip ?? (binaries.python === undefined ? null : [binaries.python, '-m', 'pip']);
  if (pip === null) return null;
  const requirements = snapshot.files.length > 0 ? ['-r', `${staging.dir}/requirements.txt`] : [];
  const options = [
    '--target',
    staging.packages,
    '--disable-pip-version-check',
    '--no-input',
    '--root-user-action=ignore',
  ];
  // A user's own `user = true` or require-virtualenv cannot be combined with --target.
  const env = toolEnvironment({ PIP_USER: '0', PIP_REQUIRE_VIRTUALENV: '0', PYTHONUNBUFFERED: '1' });
  return [{ argv: [...pip, 'install', ...options, ...requirements, '--', ...snapshot.inline], cwd: dir, env }];
}

const NPM_OPTIONS = ['--omit=dev', '--ignore-scripts', '--no-audit', '--no-fund', '--no-progress'];

function npmCommands(snapshot: ManifestSnapshot, staging: Staging, npm: string | undefined) {
  if (npm === undefined) return null;
  // --install-links copies local packages, so that their own dependencies are found and later edits do not leak in.
  const options = [...NPM_OPTIONS, ...(snapshot.local.length > 0 ? ['--install-links'] : []), '--prefix', staging.dir];
  const command = (verb: string) => ({
    argv: [npm, verb, ...options],
    cwd: staging.dir,
    env: toolEnvironment({ NO_COLOR: '1' }),
  });
  return snapshot.locked ? [command('ci'), command('install')] : [command('install')];
}

const COMPOSER_OPTIONS = [
  '--no-dev',
  '--no-interaction',
  '--no-progress',
  '--prefer-dist',
  '--no-scripts',
  '--no-ansi',
];

function composerCommands(staging: Staging, composer: string | undefined) {
  if (composer === undefined) return null;
  const env = toolEnvironment({ COMPOSER_ALLOW_SUPERUSER: '1', COMPOSER_VENDOR_DIR: 'vendor' });
  return [{ argv: [composer, 'install', ...COMPOSER_OPTIONS], cwd: staging.dir, env }];
}
