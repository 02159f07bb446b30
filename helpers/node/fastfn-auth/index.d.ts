/** The part of an event that the helpers read. */
export interface RequestEvent {
  readonly headers?: Readonly<Record<string, string | undefined>>;
  readonly cookies?: Readonly<Record<string, string>>;
}

/** Something that may hold `scope`, `scp`, `scopes` or `permissions`: a token's claims, or `event.auth`. */
export type Claims = Readonly<Record<string, unknown>> | null | undefined;

/** Scopes, as a list or as a string with spaces or commas between them. */
export type Scopes = readonly string[] | string;

/** What a handler returns to refuse a request. */
export interface Refusal {
  readonly status: 401 | 403;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** Whether two secrets are the same, in a time that tells nothing of either. Never for an empty or absent one. */
export function constant_time_equal(a: string | null | undefined, b: string | null | undefined): boolean;
/** The token of `Authorization: Bearer …`, else null. */
export function bearer_token(event: RequestEvent): string | null;
/** All cookies by name. */
export function cookies(event: RequestEvent): Readonly<Record<string, string>>;
/** The value of one cookie, else null. */
export function cookie(event: RequestEvent, name: string): string | null;
/** What a token's claims allow: `scope`, `scp`, `scopes` and `permissions` together, each once, in their order. */
export function scopes(claims: Claims): string[];
/** Whether the claims hold every scope of `all` and, where `any` names some, one of them. */
export function has_scopes(claims: Claims, all?: Scopes, any?: Scopes): boolean;
/** A 401 that says how to authenticate; `error` is "invalid_token" for a token that was sent and is not good. */
export function unauthorized(realm?: string, error?: string | null): Refusal;
/** A 403 that names the scopes that are missing. */
export function insufficient_scope(needed: Scopes, realm?: string): Refusal;
