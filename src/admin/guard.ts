// Who may do what (section 5.1 of the platform's rules): pure decisions on facts that caller.ts gathers. The order of the checks
// is P135's: a stranger is refused before the path is looked at, so that he cannot tell which paths exist.
import { Problem } from './problem.ts';

/** P134. `session` is for login and logout, which need to be admitted but no session; `alias` is `/openapi.json`. */
export type AccessClass = 'open' | 'docs' | 'alias' | 'read' | 'exec' | 'write' | 'session' | 'ui';

/** The flags that decide, as configured or changed by `/_fn/ui-state` until the next start (P215). */
export interface GuardFlags {
  readonly api: boolean;
  readonly docs: boolean;
  readonly ui: boolean;
  readonly write: boolean;
  readonly localOnly: boolean;
  /** An admin token is configured. */
  readonly hasToken: boolean;
  /** The console's login holds for `/_fn/*` too (P148). */
  readonly loginApi: boolean;
}

/** What is known of whoever asks. */
export interface Caller {
  /** P131. */
  readonly isLocal: boolean;
  /** `none` also where no token is configured: then both headers mean nothing (P132). */
  readonly token: 'none' | 'right' | 'wrong';
  /** Name of the user with a valid session, else null. */
  readonly user: string | null;
}

/** What a request that changes something says about where it comes from (P146, P147). */
export interface ChangeRequest {
  readonly isCrossSite: boolean;
  /** Type of its body: `form` also without a body, `none` where it has neither body nor type. */
  readonly content: 'none' | 'json' | 'form' | 'other';
}

/** Local, or with the right token (P133). */
export function isAdmitted(caller: Caller): boolean {
  return caller.isLocal || caller.token === 'right';
}

/** First half of P135: flags, token, admission, login. Null when the caller may go on. */
export function admit(flags: GuardFlags, caller: Caller, access: AccessClass): Problem | null {
  switch (access) {
    case 'open':
      return null;
    case 'alias':
      return flags.docs ? null : docsDisabled();
    case 'docs':
      if (!flags.api) return apiDisabled();
      return flags.docs ? null : docsDisabled();
    case 'ui':
      return admitToConsole(flags, caller);
    default:
      return admitToApi(flags, caller, access);
  }
}

function admitToConsole(flags: GuardFlags, caller: Caller): Problem | null {
  if (!flags.ui) return new Problem(404, 'console ui disabled', { detail: 'FN_UI_ENABLED=1 serves the console' });
  if (!flags.localOnly || isAdmitted(caller)) return null;
  return new Problem(403, 'console ui local-only', { detail: LOCAL_ONLY });
}

function admitToApi(flags: GuardFlags, caller: Caller, access: 'read' | 'exec' | 'write' | 'session'): Problem | null {
  if (!flags.api) return apiDisabled();
  if (caller.token === 'wrong') return invalidToken();
  if (!isAdmitted(caller)) {
    if (flags.localOnly) return new Problem(403, 'console api local-only', { detail: LOCAL_ONLY });
    if (flags.hasToken) return tokenRequired();
    if (access !== 'read') {
      return new Problem(403, 'console write local-only', {
        detail: 'from elsewhere only a token may change or run something: set FN_ADMIN_TOKEN and send x-fn-admin-token',
      });
    }
  }
  const needsSession = flags.loginApi && access !== 'session' && caller.token !== 'right';
  if (needsSession && caller.user === null) {
    return new Problem(401, 'login required', { detail: 'log in at /console, or send x-fn-admin-token' });
  }
  return null;
}

/** Second half of P135 for requests that change or run something: where they come from, their type, the write flag. */
export function permitChange(
  flags: GuardFlags,
  caller: Caller,
  access: AccessClass,
  request: ChangeRequest,
): Problem | null {
  if (request.isCrossSite) {
    return new Problem(403, 'cross-site request refused', {
      detail: 'Origin and Sec-Fetch-Site must be of this site, or absent',
    });
  }
  if (request.content === 'form' || request.content === 'other') {
    return new Problem(415, 'content type must be application/json');
  }
  if (access === 'write' && !flags.write && caller.token !== 'right') {
    return new Problem(403, 'console write disabled', {
      detail: 'FN_CONSOLE_WRITE_ENABLED=1 allows changes from this machine; the admin token allows them always',
    });
  }
  return null;
}

const LOCAL_ONLY =
  'ask from this machine without a proxy in between, send x-fn-admin-token, or set FN_CONSOLE_LOCAL_ONLY=0';

function apiDisabled(): Problem {
  return new Problem(404, 'admin api disabled', {
    detail: 'FN_CONSOLE_API_ENABLED=1 and FN_ADMIN_API_ENABLED=1 serve it',
  });
}

function docsDisabled(): Problem {
  return new Problem(404, 'docs disabled', { detail: 'FN_DOCS_ENABLED=1 serves them' });
}

function invalidToken(): Problem {
  return new Problem(401, 'invalid admin token', { headers: { 'www-authenticate': 'Bearer' } });
}

function tokenRequired(): Problem {
  return new Problem(401, 'admin token required', {
    detail: 'send it as x-fn-admin-token or Authorization: Bearer',
    headers: { 'www-authenticate': 'Bearer' },
  });
}
