import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import type { Keyring, SecretKey } from './keyring.ts';

const CIPHER = 'aes-256-gcm';
const VERSION = 'v1';
const NONCE_BYTES = 12; // random per value; far below the 2^32 values per key that NIST SP 800-38D allows
const TAG_BYTES = 16;

/** Any version, so that a value of a later one is refused instead of handed to a function as it is. */
const SEALED = /^enc:v\d+:/;
const FORM = new RegExp(`^enc:${VERSION}:([0-9a-f]{8}):([A-Za-z0-9_-]+)$`);

/** Where a value lives: it opens there only, so that nobody can move it to another function or name. */
export interface SecretPlace {
  /** The fn.env.json, relative to the functions root, with `/`. */
  readonly file: string;
  readonly name: string;
}

export type Opened = { readonly value: string } | { readonly problem: string };

/** Whether a value of fn.env.json is an encrypted one. */
export function isSealed(value: unknown): value is string {
  return typeof value === 'string' && SEALED.test(value);
}

/** The id of the key that a value was sealed with; undefined where the value is not of our form. */
export function keyIdOf(sealed: string): string | undefined {
  return FORM.exec(sealed)?.[1];
}

/** Encrypts a value for its place: `enc:v1:<key id>:<base64url of nonce, ciphertext, tag>`. */
export function sealValue(key: SecretKey, place: SecretPlace, value: string): string {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv(CIPHER, key.bytes, nonce).setAAD(authenticatedData(key.id, place));
  const parts = [nonce, cipher.update(value, 'utf8'), cipher.final(), cipher.getAuthTag()];
  return `enc:${VERSION}:${key.id}:${Buffer.concat(parts).toString('base64url')}`;
}

/** Decrypts a sealed value, or says why not, without a word of the value. */
export function openValue(keyring: Keyring, place: SecretPlace, sealed: string): Opened {
  const [, id, payload] = FORM.exec(sealed) ?? [];
  if (id === undefined || payload === undefined)
    return { problem: 'is not an encrypted value that this version knows' };
  const key = keyring.find((candidate) => candidate.id === id);
  if (key === undefined) {
    const reason = keyring.length === 0 ? 'FN_SECRETS_KEY is not set' : 'FN_SECRETS_KEY holds other keys';
    return { problem: `is encrypted with the key ${id}, and ${reason}` };
  }
  try {
    return { value: decrypt(key, place, Buffer.from(payload, 'base64url')) };
  } catch {
    return { problem: 'does not decrypt: it was changed, or moved from another file or name' };
  }
}

function decrypt(key: SecretKey, place: SecretPlace, bytes: Buffer): string {
  const end = bytes.length - TAG_BYTES;
  const decipher = createDecipheriv(CIPHER, key.bytes, bytes.subarray(0, NONCE_BYTES), { authTagLength: TAG_BYTES });
  decipher.setAAD(authenticatedData(key.id, place)).setAuthTag(bytes.subarray(Math.max(NONCE_BYTES, end)));
  const text = decipher.update(bytes.subarray(NONCE_BYTES, Math.max(NONCE_BYTES, end)));
  return Buffer.concat([text, decipher.final()]).toString('utf8');
}

/** JSON, so that no two places give the same bytes. */
function authenticatedData(keyId: string, { file, name }: SecretPlace): Buffer {
  return Buffer.from(JSON.stringify(['fastfn secret', VERSION, keyId, file, name]));
}
