import { createHash } from 'node:crypto';

/** Bytes of an AES-256 key. */
const KEY_BYTES = 32;

/** A key for secrets at rest. `id` names it in sealed values; it tells nothing about the key. */
export interface SecretKey {
  readonly id: string;
  readonly bytes: Buffer;
}

/** Keys in order: the first seals, each opens what was sealed with it. Empty where none is configured. */
export type Keyring = readonly SecretKey[];

const KEY_HINT = 'make one with `fastfn secrets keygen` or `openssl rand -base64 32`';

/**
 * Reads FN_SECRETS_KEY: one key or several, separated by commas, blanks or new lines. A key is 32 random bytes as base64
 * (also base64url) or hex. Passphrases are refused: whoever has the file could guess them at leisure. Never repeats what
 * was given.
 */
export function parseKeyring(text: string): { readonly keys: Keyring } | { readonly problem: string } {
  const words = text.split(/[\s,]+/).filter((word) => word !== '');
  const keys = words.map(parseKey);
  const odd = keys.indexOf(undefined);
  if (odd === -1 && keys.length > 0) return { keys: keys as SecretKey[] };
  const which = words.length > 1 ? `key ${odd + 1}` : 'the key';
  return { problem: `${which} must be ${KEY_BYTES} random bytes as base64 or hex; ${KEY_HINT}` };
}

/** The keys of a validated setting. */
export function keyringOf(secretsKey: string | null): Keyring {
  const parsed = secretsKey === null ? { keys: [] } : parseKeyring(secretsKey);
  if ('problem' in parsed) throw new TypeError(parsed.problem);
  return parsed.keys;
}

function parseKey(word: string): SecretKey | undefined {
  const bytes = /^[0-9a-f]{64}$/i.test(word) ? Buffer.from(word, 'hex') : decodeBase64(word);
  return bytes?.length === KEY_BYTES ? { id: keyId(bytes), bytes } : undefined;
}

function decodeBase64(word: string): Buffer | undefined {
  return /^[A-Za-z0-9+/_-]{43}=?$/.test(word) ? Buffer.from(word, 'base64') : undefined; // takes base64url as well
}

function keyId(bytes: Buffer): string {
  return createHash('sha256').update('fastfn secrets key id\0').update(bytes).digest('hex').slice(0, 8);
}
