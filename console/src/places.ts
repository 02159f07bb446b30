import type { Target } from './shapes.ts';

export const TABS = ['test', 'environment', 'logs', 'overview'] as const;
export type Tab = (typeof TABS)[number];

/** What the address bar says: every view has an address of its own (P218). */
export type Place =
  | { readonly room: 'functions' }
  | { readonly room: 'function'; readonly target: Target; readonly tab: Tab }
  | { readonly room: 'gateway' }
  | { readonly room: 'logs' }
  | { readonly room: 'access' };

const ROOT = '/console';
const FUNCTIONS: Place = { room: 'functions' };

/** The place that a path names; unknown ones are the list of functions. */
export function placeOf(pathname: string): Place {
  const [room, ...rest] = pathname.slice(ROOT.length).split('/').filter(Boolean);
  if (room === 'gateway' || room === 'logs' || room === 'access') return { room };
  if (room !== 'functions' || rest.length < 2) return FUNCTIONS;
  return functionPlace(rest);
}

/** `<runtime>/<name>[@<version>][/<tab>]`; a name with plain slashes is understood too. */
function functionPlace([runtime, ...rest]: string[]): Place {
  const last = rest.at(-1) as Tab;
  const hasTab = rest.length > 1 && TABS.includes(last);
  const name = (hasTab ? rest.slice(0, -1) : rest).map(decode).join('/');
  const at = name.lastIndexOf('@');
  const target =
    at > 0
      ? { runtime: runtime!, name: name.slice(0, at), version: name.slice(at + 1) }
      : { runtime: runtime!, name, version: '' };
  return { room: 'function', target, tab: hasTab ? last : 'test' };
}

function decode(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}

/** The address of a function's page, its name percent-encoded (P220). */
export function functionHref({ runtime, name, version }: Target, tab: Tab = 'test'): string {
  const versioned = version === '' ? '' : `@${encodeURIComponent(version)}`;
  const base = `${ROOT}/functions/${runtime}/${encodeURIComponent(name)}${versioned}`;
  return tab === 'test' ? base : `${base}/${tab}`;
}

export function roomHref(room: 'functions' | 'gateway' | 'logs' | 'access'): string {
  return `${ROOT}/${room}`;
}
