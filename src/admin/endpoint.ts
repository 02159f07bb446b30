import type { FastifyReply } from 'fastify';
import type * as z from 'zod';
import type { OpenApiPublication } from '../openapi/publication.ts';
import type { ChangeQueue } from './change-queue.ts';
import type { AccessClass, Caller, GuardFlags } from './guard.ts';
import type { Platform } from './platform.ts';
import type { Sessions } from './sessions.ts';
import type { UiState } from './ui-state.ts';

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

/** What a handler of the admin API gets: input that its schemas have accepted, and whoever asks. */
export interface AdminRequest<Query = unknown, Body = unknown> {
  readonly query: Query;
  readonly body: Body;
  /** Path parameters, decoded; `*` is the rest of a wildcard path. */
  readonly params: Readonly<Record<string, string>>;
  /** Header names in lower case. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly id: string;
  readonly caller: Caller;
  readonly flags: GuardFlags;
  /** Address of the client after trusted proxies are resolved. */
  readonly client: string;
  /** The client spoke HTTPS, as a trusted proxy says. */
  readonly isSecure: boolean;
  /** For answers that are not one JSON document: streams, cookies, other statuses and types. */
  readonly reply: FastifyReply;
}

/** What every handler may use. */
export interface AdminContext {
  readonly platform: Platform;
  readonly sessions: Sessions;
  readonly uiState: UiState;
  /** Whatever writes files below the functions root takes its turn here. */
  readonly changes: ChangeQueue;
  readonly openApi: OpenApiPublication;
  /** A failed login counts against the client's limit (P160). */
  countFailure(client: string): void;
}

/**
 * One address of the admin API as data: guard, validation, routing, OpenAPI's internal operations and the tests' tables are
 * derived from it. The handler's value is sent as JSON unless it is the reply itself.
 */
export interface Endpoint<Query = unknown, Body = unknown> {
  readonly method: Method;
  /** Path below the host, fastify's syntax. */
  readonly path: string;
  readonly access: AccessClass;
  /** One line, for OpenAPI. */
  readonly summary: string;
  readonly query?: z.ZodType<Query>;
  readonly body?: z.ZodType<Body>;
  /** Bytes; 128 KiB unless the rules say otherwise (P164). */
  readonly maxBodyBytes?: number;
  handle(request: AdminRequest<Query, Body>, context: AdminContext): unknown;
}

/** Keeps the types of query and body that the schemas give. */
export function endpoint<Query = Record<string, never>, Body = undefined>(
  definition: Endpoint<Query, Body>,
): Endpoint<Query, Body> {
  return definition;
}
