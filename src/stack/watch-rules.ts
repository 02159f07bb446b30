import { basename, dirname, join, sep } from 'node:path';

const GENERATED = new Set(['node_modules', 'vendor', '__pycache__', 'target']);
/** Emacs backups, vim swap files and the name vim probes a folder with. */
const EDITOR_TEMPORARY = /~$|\.sw[a-z]$|^4913$/;
const SETTINGS = /^(\.env.*|fastfn\.json)$/;

export interface WatchScope {
  readonly functionsRoot: string;
  readonly projectDir: string;
  /** The platform's own folders (state, logs, store), wherever they lie. */
  readonly ownDirs: readonly string[];
}

/**
 * Which files and folders never cause a reload (P121). Below the functions root: dot names except `.fastfn/packs`,
 * generated folders, editors' temporary files. In the project folder above it, only settings files count.
 */
export function createIgnore({ functionsRoot, projectDir, ownDirs }: WatchScope): (path: string) => boolean {
  const platform = join(functionsRoot, '.fastfn');
  const packs = join(platform, 'packs');
  const own = new Set(ownDirs);
  const isBelowRoot = (path: string) => path.startsWith(functionsRoot + sep);
  return (path) => {
    const name = basename(path);
    if (dirname(path) === projectDir && SETTINGS.test(name)) return false;
    if (!isBelowRoot(path)) return dirname(path) === projectDir;
    if (own.has(path) || GENERATED.has(name) || EDITOR_TEMPORARY.test(name)) return true;
    if (dirname(path) === platform) return path !== packs;
    return name.startsWith('.') && path !== platform;
  };
}
