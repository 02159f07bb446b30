import type { AdminConfig, ProjectConfig } from '../../project/types.ts';
import { type Check, type Finding, type Status, withProject } from '../check.ts';

const MIN_TOKEN_CHARACTERS = 16; // 1.4 of the platform's rules

export const securityChecks: readonly Check[] = [
  { id: 'security.admin', run: withProject(({ config }) => judgeAdmin(config)) },
];

interface Remark {
  readonly status: Exclude<Status, 'OK'>;
  readonly setting: string;
  readonly message: string;
}

/** Who may administer the platform, and how easily somebody else could (P285). */
export function judgeAdmin({
  host,
  admin,
  settings,
  notes,
}: Pick<ProjectConfig, 'host' | 'admin' | 'settings' | 'notes'>): Finding {
  const remarks = [
    ...remarksOnToken(admin, isLoopback(host)),
    ...remarksOnLogin(admin),
    ...(settings['http-verify-tls']?.value === false
      ? [warning('FN_HTTP_VERIFY_TLS', 'certificates of servers that the gateway calls are not verified')]
      : []),
    ...notes.filter((note) => note.startsWith('unknown variable')).map((note) => warning(note.split(' ')[2]!, note)),
  ];
  if (remarks.length === 0) return { status: 'OK', message: 'the admin API is closed to others' };
  return {
    status: remarks.some(({ status }) => status === 'FAIL') ? 'FAIL' : 'WARN',
    message: remarks.map(({ message }) => message).join('; '),
    hint: `See ${[...new Set(remarks.map(({ setting }) => setting))].join(', ')}.`,
  };
}

function remarksOnToken({ api, write, localOnly, token }: AdminConfig, isLocal: boolean): Remark[] {
  if (token !== null) {
    const isShort = token.length < MIN_TOKEN_CHARACTERS;
    return isShort ? [warning('FN_ADMIN_TOKEN', `the token has fewer than ${MIN_TOKEN_CHARACTERS} characters`)] : [];
  }
  if (!api) return [];
  const open = localOnly ? [] : [warning('FN_CONSOLE_LOCAL_ONLY', 'callers from elsewhere may read without a token')];
  if (isLocal) return open;
  if (write) {
    const message = 'the port can be reached from outside, writing is enabled and there is no token';
    return [{ status: 'FAIL', setting: 'FN_ADMIN_TOKEN', message }, ...open];
  }
  return [warning('FN_ADMIN_TOKEN', 'the port can be reached from outside and there is no token'), ...open];
}

function remarksOnLogin({ login }: AdminConfig): Remark[] {
  const isPlain = (login.enabled || login.api) && login.passwordHash === null;
  return isPlain ? [warning('FN_CONSOLE_LOGIN_PASSWORD_HASH', 'the login password is stored as plain text')] : [];
}

function warning(setting: string, message: string): Remark {
  return { status: 'WARN', setting, message };
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host.startsWith('127.');
}
