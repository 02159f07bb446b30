import type { Draft } from './draft.ts';

const SECRET_HEADER = /secret|token|passw|pwd|api[_-]?key|private[_-]?key|auth|credential|cookie|session/i;

/** A draft as the browser may store it: without the values of headers that look secret. */
export function withoutSecrets(draft: Draft): Draft {
  return {
    ...draft,
    headers: draft.headers.map(({ name, value }) => ({ name, value: SECRET_HEADER.test(name) ? '' : value })),
  };
}
