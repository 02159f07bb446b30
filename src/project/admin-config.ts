import type { SettingValues } from './settings.ts';
import type { AdminConfig } from './types.ts';

const MIN_TOKEN_CHARACTERS = 16; // 1.4 of the platform's rules
const HASH = /^(?:pbkdf2-sha256:(\d+):(?:[0-9a-f]{2})+:[0-9a-f]{64}|sha256:[0-9a-f]{64})$/i;
const MIN_ITERATIONS = 100_000; // P158

/** The settings of section 5.1 as one value. */
export function adminConfig(values: SettingValues): AdminConfig {
  const windowSeconds = values['console.rate-limit-window-seconds'];
  return {
    api: values['console.api'] && values['admin-api'],
    docs: values.docs,
    ui: values['console.ui'],
    write: values['console.write'],
    localOnly: values['console.local-only'],
    allowedHosts: values['console.allowed-hosts'].map((host) => host.toLowerCase()),
    token: values['admin-token'],
    login: {
      enabled: values['console.login-enabled'],
      api: values['console.login-api'],
      username: values['console.login-username'],
      passwordHash: values['console.login-password-hash'],
      password: values['console.login-password'],
      sessionSecret: values['console.session-secret'],
      sessionTtlSeconds: values['console.session-ttl-seconds'],
    },
    rateLimits: {
      requests: { max: values['console.rate-limit-max'], windowSeconds },
      writes: { max: values['console.write-rate-limit-max'], windowSeconds },
      failures: {
        max: values['console.login-rate-limit-max'],
        windowSeconds: values['console.login-rate-limit-window-seconds'],
      },
    },
  };
}

/** A login that is enabled but can let nobody in, or everybody (P158): refused at the start. */
export function loginProblems(values: SettingValues): string[] {
  if (!values['console.login-enabled'] && !values['console.login-api']) return [];
  const hash = values['console.login-password-hash'];
  const missing = [
    values['console.login-username'] === null && 'FN_CONSOLE_LOGIN_USERNAME',
    hash === null && values['console.login-password'] === null && 'FN_CONSOLE_LOGIN_PASSWORD_HASH',
    values['console.session-secret'] === null && 'FN_CONSOLE_SESSION_SECRET',
  ].filter((name) => name !== false);
  const problems = missing.map((name) => `the console's login is enabled, but ${name} is not set`);
  if (hash !== null && !isGoodHash(hash)) {
    const form = `pbkdf2-sha256:<iterations, at least ${MIN_ITERATIONS}>:<salt, hex>:<digest, 64 hex digits>`;
    problems.push(`FN_CONSOLE_LOGIN_PASSWORD_HASH: must be ${form}`);
  }
  return problems;
}

function isGoodHash(hash: string): boolean {
  const match = HASH.exec(hash);
  return match !== null && (match[1] === undefined || Number(match[1]) >= MIN_ITERATIONS);
}

/** What an operator should know about weak or open settings (P145, P158, 1.4). */
export function adminNotes(values: SettingValues): string[] {
  const token = values['admin-token'];
  const notes: string[] = [];
  if (token !== null && token.length < MIN_TOKEN_CHARACTERS) {
    notes.push(`FN_ADMIN_TOKEN has fewer than ${MIN_TOKEN_CHARACTERS} characters and may be guessed`);
  }
  if (!values['console.local-only'] && token === null) {
    notes.push('FN_CONSOLE_LOCAL_ONLY=0 without FN_ADMIN_TOKEN: anyone who reaches this port can read the admin API');
  }
  if (values['console.login-enabled'] && !values['console.login-password-hash']?.startsWith('pbkdf2')) {
    notes.push('the login password is not stored as a pbkdf2-sha256 hash (FN_CONSOLE_LOGIN_PASSWORD_HASH)');
  }
  return notes;
}
