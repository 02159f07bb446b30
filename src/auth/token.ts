import { parseStrictJson } from './strict-json.ts';

/** A token's parts, read but not verified. */
export interface ParsedToken {
  readonly alg: string;
  readonly kid: string | null;
  readonly claims: Readonly<Record<string, unknown>>;
  /** The claims as the issuer wrote them: numbers keep all their digits on the way to a handler. */
  readonly claimsText: string;
}

const MAX_TOKEN_BYTES = 16_384;
/** Extensions nobody here understands (`crit`, `b64`, `zip`), and keys that a token brings along to be checked with. */
const REFUSED_HEADERS = ['crit', 'b64', 'zip', 'enc', 'jwk', 'jku', 'x5u', 'x5c'];

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Reads a signed token in compact form (RFC 7519); null for everything that is not exactly one. */
export function parseToken(token: string): ParsedToken | null {
  if (token.length > MAX_TOKEN_BYTES) return null;
  const parts = token.split('.');
  if (parts.length !== 3) return null;
  const [headerText, claimsText, signature] = parts.map(decodePart);
  if (headerText == null || claimsText == null || signature === null || parts[2] === '') return null;
  const header = readObject(headerText);
  const claims = readObject(claimsText);
  if (!header || !claims || REFUSED_HEADERS.some((name) => Object.hasOwn(header, name))) return null;
  const { alg, kid = null } = header;
  if (typeof alg !== 'string' || (kid !== null && typeof kid !== 'string')) return null;
  return { alg, kid, claims, claimsText };
}

/** Text of a part; '' for bytes that are no text (a signature); null where the encoding is not the one RFC 7515 2 asks for. */
function decodePart(part: string, index: number): string | null {
  const bytes = Buffer.from(part, 'base64url');
  if (bytes.toString('base64url') !== part) return null; // padding, other alphabets, stray bits
  if (index === 2) return '';
  try {
    return utf8.decode(bytes);
  } catch {
    return null;
  }
}

function readObject(text: string): Record<string, unknown> | null {
  const value = parseStrictJson(text);
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : null;
}
