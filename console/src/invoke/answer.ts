import type { InvokeAnswer } from '../shapes.ts';

/** The media type without parameters, in lower case. */
export function contentType({ headers }: InvokeAnswer): string {
  const value = Object.entries(headers).find(([name]) => name.toLowerCase() === 'content-type')?.[1] ?? '';
  return (typeof value === 'string' ? value : value[0]!).split(';', 1)[0]!.trim().toLowerCase();
}

/** The bytes of a binary body or a picture; null for text. */
export function bytesOf(answer: InvokeAnswer): Uint8Array<ArrayBuffer> | null {
  const { is_base64: isBase64, body_base64: encoded, body } = answer;
  if (isBase64 && encoded !== undefined) return Uint8Array.from(atob(encoded), (character) => character.charCodeAt(0));
  return contentType(answer) === 'image/svg+xml' && typeof body === 'string' ? new TextEncoder().encode(body) : null;
}

/** The text of the body, JSON indented. */
export function prettyBody(answer: InvokeAnswer): string {
  const { body = '' } = answer;
  if (typeof body !== 'string') return JSON.stringify(body, null, 2);
  if (!/\bjson$/.test(contentType(answer))) return body;
  try {
    return JSON.stringify(JSON.parse(body), null, 2);
  } catch {
    return body;
  }
}
