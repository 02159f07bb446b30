/** Folders of a machine that no answer names (P163): where programs, homes and stores lie. A URL or a route is no such path. */
const MACHINE_PATH =
  /(?<![\w/.:-])\/(?:usr|opt|tmp|var|root|home|etc|lib|lib64|srv|mnt|nix|snap|private|Users|Library|Applications)\/(?:[^\s'"`(),:;/]+\/)*([^\s'"`(),:;/]*)/g;

/** A text for whoever asks from elsewhere: paths below the functions root are relative, of others only the last part stays. */
export function withoutMachinePaths(text: string, functionsRoot: string): string {
  return text.replaceAll(`${functionsRoot}/`, '').replace(MACHINE_PATH, '…/$1');
}
