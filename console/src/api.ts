/** An answer that is not a success: the problem document's texts (P95), or that there was no answer at all (status 0). */
export class Refusal extends Error {
  readonly status: number;
  readonly error: string;
  readonly detail: string | undefined;
  /** All members of the problem document. */
  readonly members: Readonly<Record<string, unknown>>;

  constructor(status: number, members: Readonly<Record<string, unknown>>) {
    const error = typeof members.error === 'string' ? members.error : `answered with status ${status}`;
    super(error);
    this.name = 'Refusal';
    this.status = status;
    this.error = error;
    this.detail = typeof members.detail === 'string' ? members.detail : undefined;
    this.members = members;
  }
}

/** Sent on `window` when a token was entered: whoever was refused asks again. */
export const TOKEN_EVENT = 'fn-token';

let token: string | null = null; // memory of this tab only (P218)

/** Takes the admin token for the rest of this tab's life; null forgets it. */
export function setToken(value: string | null): void {
  token = value;
  window.dispatchEvent(new Event(TOKEN_EVENT));
}

export function hasToken(): boolean {
  return token !== null;
}

export interface CallOptions {
  readonly method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly query?: Readonly<Record<string, string | number | undefined>>;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

/** Calls the admin API and gives the JSON of a success; throws a `Refusal` otherwise. */
export async function call<T>(path: string, options: CallOptions = {}): Promise<T> {
  const response = await open(path, options);
  return (await response.json()) as T;
}

/** As `call`, for answers that are read while they arrive. */
export async function open(path: string, options: CallOptions = {}): Promise<Response> {
  const response = await fetch(addressOf(path, options.query), {
    method: options.method ?? 'GET',
    headers: {
      ...(options.body !== undefined && { 'content-type': 'application/json' }),
      ...(token !== null && { 'x-fn-admin-token': token }),
      ...options.headers,
    },
    ...(options.body !== undefined && { body: JSON.stringify(options.body) }),
    ...(options.signal && { signal: options.signal }),
  }).catch((error: Error) => {
    if (error.name === 'AbortError') throw error;
    throw new Refusal(0, { error: 'no answer', detail: 'the stack does not answer: is it still running?' });
  });
  if (response.ok) return response;
  throw new Refusal(response.status, await membersOf(response));
}

function addressOf(path: string, query: CallOptions['query'] = {}): string {
  const given = Object.entries(query).filter(([, value]) => value !== undefined && value !== '');
  if (given.length === 0) return path;
  return `${path}?${new URLSearchParams(given.map(([name, value]) => [name, String(value)]))}`;
}

async function membersOf(response: Response): Promise<Record<string, unknown>> {
  const text = await response.text();
  try {
    const document: unknown = JSON.parse(text);
    return typeof document === 'object' && document !== null ? (document as Record<string, unknown>) : {};
  } catch {
    return { detail: text.slice(0, 500) };
  }
}
