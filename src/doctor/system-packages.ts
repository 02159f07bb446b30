import { spawn } from 'node:child_process';
import { FastfnError } from '../errors.ts';
import { aptPackages, installCommand, type Need } from './packages.ts';
import { probe } from './probe.ts';

/**
 * Debian starts a packaged server when it is installed. policy-rc.d is its documented way to refuse; an existing one is
 * the administrator's and stays. Waiting for another apt to finish beats failing.
 */
const INSTALL_SCRIPT = `
set -e
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  trap 'rm -f "$policy"' EXIT
  printf '#!/bin/sh\\nexit 101\\n' > "$policy"
  chmod 755 "$policy"
fi
export DEBIAN_FRONTEND=noninteractive
apt-get -o DPkg::Lock::Timeout=120 update
apt-get -o DPkg::Lock::Timeout=120 install -y --no-install-recommends "$@"
`;

/**
 * Installs what is missing with apt, as root or through sudo without a password (P287). Where that is not possible it
 * throws the exact command to run. Apt's own output goes to standard error.
 */
export async function installSystemPackages(needs: readonly Need[]): Promise<readonly string[]> {
  const prefix = await rootPrefix();
  if (prefix === null) {
    throw new FastfnError('PREREQUISITE_MISSING', `system packages are missing: ${needs.join(', ')}`, {
      hint: `Run: ${installCommand(needs)}`,
    });
  }
  const packages = aptPackages(needs);
  const [program, ...args] = [...prefix, 'sh', '-c', INSTALL_SCRIPT, 'install', ...packages];
  const code = await runVisibly(program!, args);
  if (code !== 0) {
    throw new FastfnError(
      'PREREQUISITE_MISSING',
      `apt-get could not install ${packages.join(' ')} (exit code ${code})`,
      {
        hint: `Run: ${installCommand(needs)}`,
      },
    );
  }
  return packages;
}

/** How to become root without asking: not at all, sudo, or null. */
async function rootPrefix(): Promise<string[] | null> {
  if (!(await probe('apt-get', ['--version'])).ok) return null;
  if (process.getuid?.() === 0) return [];
  return (await probe('sudo', ['-n', 'true'])).ok ? ['sudo', '-n'] : null;
}

function runVisibly(program: string, args: readonly string[]): Promise<number> {
  return new Promise((resolve) => {
    const child = spawn(program, args, { stdio: ['ignore', 2, 2] });
    child.on('error', () => resolve(127));
    child.on('exit', (code) => resolve(code ?? 1));
  });
}
