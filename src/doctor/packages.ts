/** Something a machine can lack, and the names under which package managers know it (P287). */
export const PACKAGES = {
  nginx: { apt: ['nginx', 'libnginx-mod-http-lua', 'lua-cjson'], brew: 'openresty/brew/openresty' },
  python: { apt: ['python3'], brew: 'python' },
  pip: { apt: ['python3-pip'], brew: 'python' },
  php: { apt: ['php-cli'], brew: 'php' },
  npm: { apt: ['npm'], brew: 'node' },
  node: { apt: ['nodejs'], brew: 'node' },
  composer: { apt: ['composer'], brew: 'composer' },
} as const satisfies Record<string, { apt: readonly string[]; brew: string }>;

export type Need = keyof typeof PACKAGES;

/** The command that installs what is missing, for this platform. */
export function installCommand(needs: readonly Need[], platform: NodeJS.Platform = process.platform): string {
  if (platform === 'darwin') return `brew install ${[...new Set(needs.map((need) => PACKAGES[need].brew))].join(' ')}`;
  return `sudo apt-get update && sudo apt-get install -y --no-install-recommends ${aptPackages(needs).join(' ')}`;
}

export function aptPackages(needs: readonly Need[]): string[] {
  return [...new Set(needs.flatMap((need) => PACKAGES[need].apt))];
}

/** The way to a working program: the package, or the setting that names a wrong one. */
export function installHint(need: Need): string {
  if (need === 'nginx') {
    return `Install it: ${installCommand(['nginx'])} (Debian, Ubuntu), OpenResty's package repository, or brew install openresty.`;
  }
  return `Install it: ${installCommand([need])}`;
}
