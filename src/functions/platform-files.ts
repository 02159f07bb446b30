export const CONFIG_FILE = 'fn.config.json';
export const ENV_FILE = 'fn.env.json';

/**
 * The name by which a file system may find a file: some (macOS, Windows, ext4 with casefold) take names for equal that differ in
 * case or in Unicode form, as `FN.ENV.JSON` and `fn.env.jſon`.
 */
export function foldedName(name: string): string {
  return name.normalize('NFKC').toLowerCase();
}
