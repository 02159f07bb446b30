import { randomUUID } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import type { Metrics } from '../metrics/metrics.ts';
import type { AdminConfig } from '../project/types.ts';
import { checkToken, GATEWAY_HEADERS, isLocalRequest, readChangeRequest } from './caller.ts';
import { type AccessClass, admit, type Caller, permitChange } from './guard.ts';
import { Problem } from './problem.ts';
import { RateLimit } from './rate-limits.ts';
import type { Sessions } from './sessions.ts';
import type { UiState } from './ui-state.ts';

/** What was found out about a request when it came in, kept for its handler. */
export interface Admission {
  readonly caller: Caller;
  readonly client: string;
}

/** How requests come in by one socket. Both steps throw the problem that refuses a request. */
export interface Door {
  requestId(headers: IncomingHttpHeaders): string;
  /** First half of P135: before the path is looked at. */
  admit(headers: IncomingHttpHeaders, access: AccessClass): Admission;
  /** Second half, for requests that change or run something. */
  permit(headers: IncomingHttpHeaders, access: AccessClass, admission: Admission): void;
}

const OPERATOR: Admission = { caller: { isLocal: true, token: 'right', user: null }, client: '127.0.0.1' };

/** The socket of whoever started the stack: the file's mode has decided, no rule of section 5.1 applies (P133). */
export const OPERATOR_DOOR: Door = {
  requestId: () => `op-${randomUUID()}`,
  admit: () => OPERATOR,
  permit: () => {},
};

/** Whether requests of this class change or run something. */
export function changes(access: AccessClass): boolean {
  return access === 'exec' || access === 'write' || access === 'session';
}

/** The socket that only nginx uses: what it says of its clients decides (P131-P160). */
export class GatewayDoor implements Door {
  /** Failed logins and wrong tokens by client (P160). */
  readonly failures: RateLimit;
  readonly #admin: AdminConfig;
  readonly #metrics: Metrics;
  readonly #uiState: UiState;
  readonly #sessions: Sessions;
  readonly #requests: RateLimit;
  readonly #writes: RateLimit;

  constructor(admin: AdminConfig, metrics: Metrics, uiState: UiState, sessions: Sessions) {
    this.#admin = admin;
    this.#metrics = metrics;
    this.#uiState = uiState;
    this.#sessions = sessions;
    this.#requests = new RateLimit(admin.rateLimits.requests);
    this.#writes = new RateLimit(admin.rateLimits.writes);
    this.failures = new RateLimit(admin.rateLimits.failures);
  }

  requestId(headers: IncomingHttpHeaders): string {
    return String(headers[GATEWAY_HEADERS.requestId] ?? '');
  }

  admit(headers: IncomingHttpHeaders, access: AccessClass): Admission {
    const caller = this.#readCaller(headers);
    const client = String(headers[GATEWAY_HEADERS.client] ?? '');
    if (caller.token === 'wrong') this.#metrics.count('fastfn_auth_failures_total', { kind: 'admin_token' });
    const refusal = admit(this.#uiState.flags, caller, access);
    if (access !== 'open' && refusal?.status !== 404) this.#limitRate(caller, client, access); // what is off comes first (P135)
    if (refusal) throw refusal;
    return { caller, client };
  }

  permit(headers: IncomingHttpHeaders, access: AccessClass, { caller }: Admission): void {
    const refusal = permitChange(this.#uiState.flags, caller, access, readChangeRequest(headers));
    if (refusal) throw refusal;
  }

  #readCaller(headers: IncomingHttpHeaders): Caller {
    return {
      isLocal: isLocalRequest(headers, this.#admin.allowedHosts),
      token: checkToken(headers, this.#admin.token),
      user: this.#sessions.read(headers.cookie),
    };
  }

  /** P160: callers that are not local, in the place that P135 gives it. */
  #limitRate(caller: Caller, client: string, access: AccessClass): void {
    if (caller.isLocal) return;
    const limits = [this.#requests, ...(changes(access) ? [this.#writes] : [])];
    const overdue = limits.find((limit) => limit.waitSeconds(client) > 0);
    const seconds = Math.max(overdue?.waitSeconds(client) ?? 0, this.failures.waitSeconds(client));
    if (seconds > 0) throw tooMany(seconds);
    for (const limit of limits) limit.count(client);
    if (caller.token === 'wrong') this.failures.count(client);
  }
}

function tooMany(seconds: number): Problem {
  return new Problem(429, 'rate limit exceeded', { headers: { 'retry-after': String(seconds) } });
}
