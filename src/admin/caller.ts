import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import type { Caller, ChangeRequest } from './guard.ts';

/** Headers that only a proxy in between would add (P131). */
const FORWARDING_HEADERS = /^(?:forwarded|x-forwarded-.+|x-real-ip|via|cf-connecting-ip|true-client-ip|x-client-ip)$/;

/** What nginx says of a request in headers that it always sets itself (P87): never taken from a client. */
export const GATEWAY_HEADERS = {
  /** Address of the TCP peer, before any rewriting. */
  peer: 'x-fn-peer',
  /** Address of the client after trusted proxies are resolved. */
  client: 'x-fn-client',
  requestId: 'x-fn-request-id',
  /** `http` or `https` as the client used it, where a trusted proxy says so. */
  scheme: 'x-fn-scheme',
} as const;

const FORM_TYPES = new Set(['application/x-www-form-urlencoded', 'multipart/form-data', 'text/plain']);

/** Local (P131): a loopback peer, no forwarding header, and a Host that names this machine or is listed. */
export function isLocalRequest(headers: IncomingHttpHeaders, allowedHosts: readonly string[]): boolean {
  if (!isLoopback(String(headers[GATEWAY_HEADERS.peer] ?? ''))) return false;
  if (Object.keys(headers).some((name) => FORWARDING_HEADERS.test(name))) return false;
  const host = hostName(headers.host);
  return host !== '' && (isLocalName(host) || allowedHosts.some((pattern) => hostMatches(host, pattern)));
}

function isLocalName(host: string): boolean {
  return host === 'localhost' || host === '[::1]' || isLoopback(host);
}

function isLoopback(address: string): boolean {
  if (address === '::1') return true;
  const octets = /^127\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(address);
  return octets?.slice(1).every((octet) => Number(octet) <= 255) ?? false;
}

/** Host without its port, lower case. */
function hostName(host: string | undefined): string {
  return (host ?? '').toLowerCase().replace(/:\d*$/, '');
}

function hostMatches(host: string, pattern: string): boolean {
  return pattern.startsWith('*.') ? host.endsWith(pattern.slice(1)) : host === pattern;
}

/** Compares a presented admin token with the configured one in constant time over hashes (P132). */
export function checkToken(headers: IncomingHttpHeaders, token: string | null): Caller['token'] {
  if (token === null) return 'none';
  const presented = presentedTokens(headers);
  if (presented.length === 0) return 'none';
  return presented.every((value) => isEqual(value, token)) ? 'right' : 'wrong';
}

function presentedTokens(headers: IncomingHttpHeaders): string[] {
  const own = headers['x-fn-admin-token'];
  const bearer = /^bearer +(\S+) *$/i.exec(headers.authorization ?? '')?.[1];
  return [own, bearer].filter((value): value is string => typeof value === 'string' && value !== '');
}

/** Constant-time comparison of two texts of any length. */
export function isEqual(left: string, right: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(left), digest(right));
}

/** Where a change comes from and what it carries (P146, P147). */
export function readChangeRequest(headers: IncomingHttpHeaders): ChangeRequest {
  return { isCrossSite: isCrossSite(headers), content: contentOf(headers) };
}

function isCrossSite(headers: IncomingHttpHeaders): boolean {
  const site = headers['sec-fetch-site'];
  if (site !== undefined && site !== 'same-origin' && site !== 'none') return true;
  const { origin, host } = headers;
  if (origin === undefined) return false;
  return !['http', 'https'].some((scheme) => origin.toLowerCase() === `${scheme}://${(host ?? '').toLowerCase()}`);
}

function contentOf(headers: IncomingHttpHeaders): ChangeRequest['content'] {
  const type = (headers['content-type'] ?? '').split(';', 1)[0]!.trim().toLowerCase();
  if (FORM_TYPES.has(type)) return 'form';
  const hasBody = headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
  if (type === '') return hasBody ? 'other' : 'none';
  if (type === 'application/json') return 'json';
  return hasBody ? 'other' : 'none';
}
