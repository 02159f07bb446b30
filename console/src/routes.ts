/** A parameter of a route: `:id`, or `:path*` and `*` for the rest of the path. */
export interface RouteParam {
  readonly name: string;
  readonly isRest: boolean;
}

/** The parameters of a route's pattern in order. */
export function paramsOf(route: string): readonly RouteParam[] {
  return route.split('/').flatMap((segment) => {
    if (segment === '*') return [{ name: 'wildcard', isRest: true }];
    if (!segment.startsWith(':')) return [];
    const isRest = segment.endsWith('*');
    return [{ name: isRest ? segment.slice(1, -1) : segment.slice(1), isRest }];
  });
}

/** A line for a shell that asks a route, parameters left to fill in. */
export function curlLine(origin: string, route: string, method: string): string {
  const path = route
    .split('/')
    .map((segment) => (segment === '*' ? 'REST' : segment.startsWith(':') ? placeholder(segment) : encodeURI(segment)))
    .join('/');
  const verb = method === 'GET' ? '' : ` -X ${method}`;
  const body =
    method === 'POST' || method === 'PUT' || method === 'PATCH'
      ? ` -H 'Content-Type: application/json' --data '{}'`
      : '';
  return `curl -sS${verb}${body} ${quote(origin + path)}`;
}

function placeholder(segment: string): string {
  return segment.replace(/^:|\*$/g, '').toUpperCase();
}

function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
