/** One path segment of a route pattern (F13, F41). `optional` stands for `[[...slug]]` and is expanded before use. */
export type Segment =
  | { readonly kind: 'static'; readonly text: string }
  | { readonly kind: 'param' | 'catch-all' | 'optional'; readonly name: string }
  | { readonly kind: 'wildcard' };

/** A pattern that can be served, with the values of parameters that it does not bind (F73). */
export interface Pattern {
  readonly segments: readonly Segment[];
  readonly defaults: Readonly<Record<string, string>>;
}

const NO_DEFAULTS: Pattern['defaults'] = {};
const RESERVED_ROOTS = new Set(['_fn', 'console']);
const DYNAMIC = /^(?:\[([A-Za-z0-9_]+)\]|\[\.\.\.([A-Za-z0-9_]+)\]|\[\[\.\.\.([A-Za-z0-9_]+)\]\])$/;

/** Reads `[id]`, `[...slug]` and `[[...slug]]`; undefined for anything else (F13). */
export function parseBrackets(token: string): Segment | undefined {
  const match = DYNAMIC.exec(token);
  if (!match) return undefined;
  if (match[1]) return { kind: 'param', name: match[1] };
  return match[2] ? { kind: 'catch-all', name: match[2] } : { kind: 'optional', name: match[3]! };
}

/** `/users/:id`, the form of `Route.path`. */
export function formatPath(segments: readonly Segment[]): string {
  let path = '';
  for (const segment of segments) path += `/${formatSegment(segment)}`;
  return path || '/';
}

function formatSegment(segment: Segment): string {
  switch (segment.kind) {
    case 'static':
      return segment.text;
    case 'param':
      return `:${segment.name}`;
    case 'wildcard':
      return '*';
    default:
      return `:${segment.name}*`;
  }
}

// Static before parameter before catch-all before wildcard at each position (F50). NUL cannot occur in a segment and
// sorts below every character, so that a pattern precedes its own extensions.
const KIND_ORDER = { static: '0', param: '1', 'catch-all': '2', optional: '2', wildcard: '3' } as const;

/**
 * The pattern without its parameter names. Equal shapes compete for the same requests (F43), and the order of shapes,
 * by code units, is the matching order of F50.
 */
export function shapeOf(segments: readonly Segment[]): string {
  let shape = '';
  for (const segment of segments) {
    if (shape !== '') shape += '\0';
    shape += segment.kind === 'static' ? KIND_ORDER.static + segment.text : KIND_ORDER[segment.kind];
  }
  return shape;
}

/** Why the segments cannot be one route: a catch-all that is not last, or a parameter bound twice (F13). */
export function findPatternProblem(segments: readonly Segment[]): string | undefined {
  const bound: string[] = [];
  for (const segment of segments) {
    if (segment.kind === 'static') continue;
    const name = segment.kind === 'wildcard' ? 'wildcard' : segment.name;
    if (bound.includes(name)) return `binds the parameter "${name}" twice`;
    if (segment.kind !== 'param' && segment !== segments.at(-1)) return `has segments after the catch-all "${name}"`;
    bound.push(name);
  }
  return undefined;
}

/** `/_fn`, `/console` and all below belong to the platform (F10). */
export function isReserved(segments: readonly Segment[]): boolean {
  const first = segments[0];
  return first?.kind === 'static' && RESERVED_ROOTS.has(first.text);
}

/** An optional catch-all is two patterns: its base, where the parameter is `""` (F73), and the catch-all. */
export function expandOptional(segments: readonly Segment[]): Pattern[] {
  const last = segments.at(-1);
  if (last?.kind !== 'optional') return [{ segments, defaults: NO_DEFAULTS }];
  const base = segments.slice(0, -1);
  return [
    { segments: base, defaults: { [last.name]: '' } },
    { segments: [...base, { kind: 'catch-all', name: last.name }], defaults: NO_DEFAULTS },
  ];
}

/** The lower-case, dashed spelling of a route, undefined where it is the route itself (F8). */
export function normalForm(segments: readonly Segment[]): readonly Segment[] | undefined {
  if (!segments.some((segment) => segment.kind === 'static' && /[A-Z_.]/.test(segment.text))) return undefined;
  return segments.map((segment) =>
    segment.kind === 'static' ? { kind: 'static', text: segment.text.toLowerCase().replaceAll(/[_.]/g, '-') } : segment,
  );
}
