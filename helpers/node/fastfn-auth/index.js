'use strict';

// What handlers that check credentials themselves have in common. The same functions, by the same names, exist in every
// language (docs/helpers.md); test/vectors/auth-helpers.json holds them to one meaning.

const { createHash, timingSafeEqual } = require('node:crypto');

const BEARER = /^bearer +([\x21-\x7e]+)[ \t]*$/i;
const SEPARATORS = /[ \t\r\n,]+/;
const OUTER_BLANKS = /^[ \t]+|[ \t]+$/g;
const SCOPE_CLAIMS = ['scope', 'scp', 'scopes', 'permissions'];
const NOT_QUOTABLE = /[^\x20-\x7e]/g;
const NOT_IN_SCOPES = /[^\x20\x21\x23-\x5b\x5d-\x7e]/g; // RFC 6749, section 3.3

/** Whether two secrets are the same, in a time that tells nothing of either. Never for an empty or absent one. */
function constant_time_equal(a, b) {
  if (typeof a !== 'string' || typeof b !== 'string' || a === '' || b === '') return false;
  const [one, other] = [a, b].map((text) => createHash('sha256').update(text).digest());
  return timingSafeEqual(one, other);
}

/** The token of `Authorization: Bearer …`, else null. */
function bearer_token(event) {
  return BEARER.exec(event.headers?.authorization ?? '')?.[1] ?? null;
}

/** All cookies by name. */
function cookies(event) {
  return event.cookies ?? parseCookies(event.headers?.cookie ?? '');
}

/** The value of one cookie, else null. */
function cookie(event, name) {
  const all = cookies(event);
  return Object.hasOwn(all, name) ? all[name] : null;
}

/** What a token's claims allow: `scope`, `scp`, `scopes` and `permissions` together, each once, in their order. */
function scopes(claims) {
  if (claims === null || typeof claims !== 'object') return [];
  const found = SCOPE_CLAIMS.flatMap((name) => (Object.hasOwn(claims, name) ? wordsOf(claims[name]) : []));
  return [...new Set(found)];
}

/** Whether the claims hold every scope of `all` and, where `any` names some, one of them. */
function has_scopes(claims, all = [], any = []) {
  const held = new Set(scopes(claims));
  const [needed, options] = [required(all, 'all'), required(any, 'any')];
  return needed.every((scope) => held.has(scope)) && (options.length === 0 || options.some((scope) => held.has(scope)));
}

/** A 401 that says how to authenticate; `error` is "invalid_token" for a token that was sent and is not good. */
function unauthorized(realm = 'fastfn', error = null) {
  return refusal(401, 'unauthorized', [['realm', realm], ...(error === null ? [] : [['error', error]])]);
}

/** A 403 that names the scopes that are missing. */
function insufficient_scope(needed, realm = 'fastfn') {
  const scope = required(needed, 'needed').join(' ').replace(NOT_IN_SCOPES, '');
  return refusal(403, 'insufficient_scope', [
    ['realm', realm],
    ['error', 'insufficient_scope'],
    ['scope', scope],
  ]);
}

function refusal(status, error, parameters) {
  const challenge = parameters.map(([name, value]) => `${name}="${quotable(value)}"`).join(', ');
  const headers = { 'Content-Type': 'application/json', 'WWW-Authenticate': `Bearer ${challenge}` };
  return { status, headers, body: `{"error":"${error}"}` };
}

function quotable(text) {
  return text.replace(NOT_QUOTABLE, '').replace(/["\\]/g, '\\$&');
}

/** Like the platform itself: no decoding, the last of equal names wins. */
function parseCookies(header) {
  const pairs = header.split(';').filter((pair) => pair.includes('='));
  return Object.fromEntries(
    pairs.map((pair) => {
      const at = pair.indexOf('=');
      return [pair.slice(0, at), pair.slice(at + 1)].map((text) => text.replace(OUTER_BLANKS, ''));
    }),
  );
}

function wordsOf(value) {
  if (typeof value === 'string') return value.split(SEPARATORS).filter(Boolean);
  return Array.isArray(value) ? value.filter((entry) => typeof entry === 'string' && entry !== '') : [];
}

/** A mistake in a handler's own list must not open it. */
function required(value, name) {
  const isList =
    typeof value === 'string' || (Array.isArray(value) && value.every((entry) => typeof entry === 'string'));
  if (!isList) throw new TypeError(`${name} must be a list of scopes, or a string of them`);
  return wordsOf(value);
}

module.exports = {
  constant_time_equal,
  bearer_token,
  cookies,
  cookie,
  scopes,
  has_scopes,
  unauthorized,
  insufficient_scope,
};
