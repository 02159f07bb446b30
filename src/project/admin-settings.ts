import { baseUrl, boolean, integer, list, quote, text } from './kinds.ts';
import { optional, setting } from './setting.ts';

const hostPatterns = list('hosts or *.names', (entry) =>
  /^(\*\.)?[a-z0-9.:[\]-]+$/i.test(entry) ? null : `${quote(entry)} is not a host or *.name`,
);

/** Who may administer the platform (section 5.1 of the platform's rules), and what describes its functions. */
export const ADMIN_GROUPS = {
  'OpenAPI and documentation': {
    'public-base-url': optional(baseUrl, 'Address of this service as its users see it', {
      inFile: true,
      env: ['FN_PUBLIC_BASE_URL'],
    }),
    'openapi-include-internal': setting(boolean, false, 'OpenAPI lists /_fn/* too', {
      inFile: true,
      env: ['FN_OPENAPI_INCLUDE_INTERNAL'],
    }),
    'openapi-title': setting(text(100), 'FastFN API', 'Title of the OpenAPI document', { inFile: true }),
    'openapi-version': setting(text(100), '1.0.0', 'Version of the OpenAPI document', { inFile: true }),
    docs: setting(boolean, true, 'Serve the API documentation', { inFile: true, env: ['FN_DOCS_ENABLED'] }),
  },
  'Admin API and console': {
    'console.ui': setting(boolean, false, 'Serve the web console', { inFile: true, env: ['FN_UI_ENABLED'] }),
    'console.api': setting(boolean, true, 'Serve the admin API', {
      inFile: true,
      env: ['FN_CONSOLE_API_ENABLED'],
    }),
    'admin-api': setting(boolean, true, 'Serve the admin API: off when this or console.api is off', {
      env: ['FN_ADMIN_API_ENABLED'],
    }),
    'console.write': setting(boolean, false, 'The admin API may change functions', {
      inFile: true,
      env: ['FN_CONSOLE_WRITE_ENABLED'],
    }),
    'console.local-only': setting(boolean, true, 'Refuse callers from elsewhere', {
      inFile: true,
      env: ['FN_CONSOLE_LOCAL_ONLY'],
    }),
    'console.allowed-hosts': setting(hostPatterns, [], 'More Host values that may count as local', {
      inFile: true,
      env: ['FN_CONSOLE_ALLOWED_HOSTS'],
    }),
    'admin-token': optional(text(), 'Token of the admin API', { env: ['FN_ADMIN_TOKEN'], secret: true }),
    'console.login-enabled': setting(boolean, false, 'Login for the console', { env: ['FN_CONSOLE_LOGIN_ENABLED'] }),
    'console.login-api': setting(boolean, false, 'Login for /_fn/* too', { env: ['FN_CONSOLE_LOGIN_API'] }),
    'console.login-username': optional(text(), 'Who may log in', { env: ['FN_CONSOLE_LOGIN_USERNAME'] }),
    'console.login-password-hash': optional(text(), 'Hash of the login password', {
      env: ['FN_CONSOLE_LOGIN_PASSWORD_HASH'],
      secret: true,
    }),
    'console.login-password': optional(text(), 'Login password', { env: ['FN_CONSOLE_LOGIN_PASSWORD'], secret: true }),
    'console.session-secret': optional(text(), 'Key that signs sessions', {
      env: ['FN_CONSOLE_SESSION_SECRET'],
      secret: true,
    }),
    'console.session-ttl-seconds': setting(integer(1), 43_200, 'How long a login lasts', {
      env: ['FN_CONSOLE_SESSION_TTL_S'],
    }),
    'console.rate-limit-max': setting(integer(0), 120, 'Requests per window and client; 0 = no limit', {
      env: ['FN_CONSOLE_RATE_LIMIT_MAX'],
    }),
    'console.rate-limit-window-seconds': setting(integer(1), 60, 'Length of the window', {
      env: ['FN_CONSOLE_RATE_LIMIT_WINDOW_S'],
    }),
    'console.write-rate-limit-max': setting(integer(0), 30, 'Writes per window and client; 0 = no limit', {
      env: ['FN_CONSOLE_WRITE_RATE_LIMIT_MAX'],
    }),
    'console.login-rate-limit-max': setting(integer(0), 5, 'Failed logins per window and client', {
      env: ['FN_CONSOLE_LOGIN_RATE_LIMIT_MAX'],
    }),
    'console.login-rate-limit-window-seconds': setting(integer(1), 300, 'Length of that window', {
      env: ['FN_CONSOLE_LOGIN_RATE_LIMIT_WINDOW_S'],
    }),
  },
};
