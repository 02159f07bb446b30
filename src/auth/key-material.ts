import { createPublicKey, type KeyObject } from 'node:crypto';

/** Bytes that an HMAC key needs at least: those of its hash (RFC 7518 3.2). */
export function minSecretBytes(alg: string): number {
  return Number(alg.slice(2)) / 8;
}

/** A public key in PEM; null for anything else, a private key too: it has no business here. */
export function readPublicKey(pem: string): KeyObject | null {
  if (pem.includes('PRIVATE KEY')) return null;
  try {
    return createPublicKey(pem);
  } catch {
    return null;
  }
}
