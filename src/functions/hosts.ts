// Host patterns of `invoke.allow_hosts` (F48, F53): `example.com`, `example.com:8080`, `*.example.com`, `[::1]`.
// An empty list stands for all hosts.

const HOST_PATTERN = /^(?:\*\.)?(?:[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?$/;

/** The longest entry of `allow_hosts`, in characters (F53). */
const MAX_HOST_LENGTH = 200;

/** Whether the lower-case text is a host pattern. A bare `*` is one too: it stands for every host. */
export function isHostPattern(text: string): boolean {
  return text.length <= MAX_HOST_LENGTH && (text === '*' || HOST_PATTERN.test(text));
}

/** The hosts that both lists accept; undefined where they share none (F48). */
export function intersectHosts(a: readonly string[], b: readonly string[]): readonly string[] | undefined {
  if (a.length === 0) return b;
  if (b.length === 0) return a;
  const shared = new Set<string>();
  for (const left of a) {
    for (const right of b) {
      if (coversPattern(left, right)) shared.add(right);
      else if (coversPattern(right, left)) shared.add(left);
    }
  }
  return shared.size === 0 ? undefined : [...shared].sort();
}

/** Whether every host that `inner` accepts is accepted by `outer`. */
export function coversHosts(outer: readonly string[], inner: readonly string[]): boolean {
  if (outer.length === 0) return true;
  return inner.length > 0 && inner.every((entry) => outer.some((pattern) => coversPattern(pattern, entry)));
}

/** Whether the pattern accepts all that `entry` (a pattern or a concrete lower-case `host[:port]`) stands for. */
function coversPattern(pattern: string, entry: string): boolean {
  const [host, port] = splitPort(pattern);
  const [entryHost, entryPort] = splitPort(entry);
  if (port !== undefined && port !== entryPort) return false;
  if (host === entryHost) return true;
  return host.startsWith('*.') && entryHost.length >= host.length && entryHost.endsWith(host.slice(1));
}

function splitPort(entry: string): [host: string, port: string | undefined] {
  const colon = entry.lastIndexOf(':');
  if (colon < 0 || entry.endsWith(']')) return [entry, undefined];
  return [entry.slice(0, colon), entry.slice(colon + 1)];
}
