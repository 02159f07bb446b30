import { findPatternProblem, parseBrackets, type Segment } from './segments.ts';

const PARAM = /^(?::([A-Za-z0-9_]+)|\{([A-Za-z0-9_]+)\})(\*?)$/;
const BRACED_CATCH_ALL = /^\{([A-Za-z0-9_]+)\*\}$/;
// Not `:*{}[]`, which belong to the dynamic forms, nor `?#\`, blanks and control characters, which no path holds.
const STATIC = /^[^\s:*{}[\]?#\\\p{Cc}]+$/u;

/** A parsed path, or what is wrong with it in words that follow the path. */
export type RoutePath = { readonly segments: readonly Segment[] } | { readonly problem: string };

/**
 * Reads a path of `invoke.routes` (F41): static segments (percent-encoding is decoded once, as in requests, F49),
 * `:id`, `{id}` or `[id]`, `:slug*`, `{slug*}` or `[...slug]`, `[[...slug]]`, and a final `*`.
 */
export function parseRoutePath(path: string): RoutePath {
  if (!path.startsWith('/')) return { problem: 'must start with "/"' };
  const tokens = path === '/' ? [] : path.replace(/\/$/, '').slice(1).split('/');
  const segments: Segment[] = [];
  for (const token of tokens) {
    const segment = parseToken(token);
    if (!segment) return { problem: `has an invalid segment ${JSON.stringify(token)}` };
    segments.push(segment);
  }
  const problem = findPatternProblem(segments);
  return problem === undefined ? { segments } : { problem };
}

function parseToken(token: string): Segment | undefined {
  if (token === '*') return { kind: 'wildcard' };
  const param = PARAM.exec(token);
  if (param) return { kind: param[3] ? 'catch-all' : 'param', name: (param[1] ?? param[2])! };
  const braced = BRACED_CATCH_ALL.exec(token);
  if (braced) return { kind: 'catch-all', name: braced[1]! };
  return parseBrackets(token) ?? parseStatic(token);
}

function parseStatic(token: string): Segment | undefined {
  if (!STATIC.test(token)) return undefined;
  try {
    const text = decodeURIComponent(token);
    const isUsable = text !== '.' && text !== '..' && !/[/\p{Cc}]/u.test(text);
    const looksDynamic = text === '*' || text.startsWith(':'); // what `Route.path` means by a parameter
    return isUsable && !looksDynamic ? { kind: 'static', text } : undefined;
  } catch {
    return undefined; // a bad `%`, which is 400 in requests (F49)
  }
}
