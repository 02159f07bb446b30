import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { onTestFinished } from 'vitest';
import { createInstaller } from '../../src/dependencies/installer.ts';
import type { InstallEvent, Installer, InstallerOptions } from '../../src/dependencies/types.ts';
import type { DependencyManifest } from '../../src/functions/types.ts';

export interface World {
  readonly dir: string;
  readonly storeDir: string;
  readonly events: InstallEvent[];
  readonly installer: Installer;
  /** Another installer on the same store, as a second stack has. */
  another(overrides?: Overrides): Installer;
  write(files: Readonly<Record<string, string>>): void;
  path(name: string): string;
}

export interface Overrides {
  readonly binaries?: InstallerOptions['binaries'];
  readonly nodeVersion?: string;
  readonly dependencies?: Partial<InstallerOptions['config']['dependencies']>;
}

/** A temporary folder with a store and an installer of its own; everything is removed after the test. */
export function world(overrides: Overrides = {}): World {
  const dir = realpathSync(mkdtempSync(join(tmpdir(), 'fastfn-deps-')));
  const events: InstallEvent[] = [];
  const another = (changes: Overrides = overrides): Installer => {
    const installer = createInstaller(optionsFor(dir, changes, events));
    onTestFinished(() => installer.close());
    return installer;
  };
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  const path = (name: string): string => join(dir, name);
  const write = (files: Readonly<Record<string, string>>): void => {
    for (const [name, content] of Object.entries(files)) {
      mkdirSync(dirname(path(name)), { recursive: true });
      writeFileSync(path(name), content);
    }
  };
  return { dir, storeDir: join(dir, 'store'), events, installer: another(), another, write, path };
}

function optionsFor(
  dir: string,
  { binaries, nodeVersion = '20.20.0', dependencies }: Overrides,
  events: InstallEvent[],
): InstallerOptions {
  const defaults = { autoPython: true, autoNode: true, autoPhp: true, preinstallPython: true, preinstallNode: true };
  return {
    config: {
      hopsDir: null,
      dependencies: { ...defaults, concurrency: 4, timeoutSeconds: 60, ...dependencies },
      storeDir: join(dir, 'store'),
      logs: { dir: join(dir, 'logs') },
    },
    binaries: binaries ?? {},
    runtimeVersions: { python: '3.11.2', node: nodeVersion, php: '8.2.1' },
    onEvent: (event) => events.push(event),
  };
}

export function manifest(
  tool: DependencyManifest['tool'],
  file: string,
  rest: Partial<DependencyManifest> = {},
): DependencyManifest {
  return { tool, dir: dirname(file), file, lockFile: null, inline: [], ...rest };
}

/** An executable shell script that stands for an installer. */
export function fakeTool(path: string, script: string): string {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, `#!/bin/sh\n${script}\n`);
  chmodSync(path, 0o755);
  return path;
}

/** Builds a wheel without network: a module `<name>.py` that holds `version`. */
export function wheel(folder: string, name: string, version: string): void {
  const info = `${name}-${version}.dist-info`;
  const program = `
import sys, zipfile
folder, name, version, info = sys.argv[1:]
with zipfile.ZipFile(f'{folder}/{name}-{version}-py3-none-any.whl', 'w') as z:
    z.writestr(f'{name}.py', f'version = "{version}"\\n')
    z.writestr(f'{info}/METADATA', f'Metadata-Version: 2.1\\nName: {name}\\nVersion: {version}\\n')
    z.writestr(f'{info}/WHEEL', 'Wheel-Version: 1.0\\nGenerator: test\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n')
    z.writestr(f'{info}/RECORD', '')
`;
  mkdirSync(folder, { recursive: true });
  execFileSync('python3', ['-c', program, folder, name, version, info]);
}
