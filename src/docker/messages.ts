import * as z from 'zod';

/** No sign of life for this long: the other side is gone (P65). */
export const SILENCE_MS = 10_000;
export const BEAT_MS = 2000;

/** A file that changed on the host, and what it holds now, as in stack/file-identity.ts; null: it is gone, or a folder. */
const NoticedChange = z.object({ path: z.string(), identity: z.string().nullable() });
export type NoticedChange = z.infer<typeof NoticedChange>;

/** Bytes of one connection to the stack's operator, base64; null: it ended. */
const TunnelPiece = z.object({ type: z.literal('tunnel'), id: z.number().int(), data: z.string().nullable() });
export type TunnelPiece = z.infer<typeof TunnelPiece>;

/** The first line of standard input; nothing of it is anywhere else (P65). */
const Begin = z.object({
  type: z.literal('begin'),
  /** Of the FastFN on the host: the same as in the image. */
  version: z.string(),
  /** The ProjectConfig for the container, secrets included. */
  config: z.record(z.string(), z.unknown()),
  /** What the host's tools know of package registries, and the like; see surroundings.ts. */
  surroundings: z.object({
    variables: z.record(z.string(), z.string()),
    npmrc: z.string(),
    authorities: z.string(),
  }),
  /** Which request shows the address that loopback clients appear with; null: none is to be learned (P66). */
  peerNonce: z.string().nullable(),
});
export type Begin = z.infer<typeof Begin>;

/** What the host says to the container, a JSON line each. */
export const ToContainer = z.discriminatedUnion('type', [
  Begin,
  z.object({ type: z.literal('beat') }),
  z.object({ type: z.literal('changed'), changes: z.array(NoticedChange) }),
  z.object({ type: z.literal('reload') }),
  z.object({ type: z.literal('stop') }),
  TunnelPiece,
]);
export type ToContainer = z.infer<typeof ToContainer>;

/** What the container says to the host. */
export const FromContainer = z.discriminatedUnion('type', [
  /** The published port leads to a listener that waits for the nonce. */
  z.object({ type: z.literal('listening') }),
  /** A StackEvent. */
  z.object({ type: z.literal('event'), event: z.looseObject({ type: z.string() }) }),
  /** Every function was read again; `problem` says why not. */
  z.object({ type: z.literal('reloaded'), problem: z.string().nullable() }),
  TunnelPiece,
  /** Why the stack ends, in the words of a FastfnError. */
  z.object({ type: z.literal('failure'), code: z.string(), message: z.string(), hint: z.string().optional() }),
]);
export type FromContainer = z.infer<typeof FromContainer>;

/** One message per line; a line that is none (of another version, or not ours) is undefined. */
export function parseMessage<T>(shape: z.ZodType<T>, line: string): T | undefined {
  try {
    const parsed = shape.safeParse(JSON.parse(line));
    return parsed.success ? parsed.data : undefined;
  } catch {
    return undefined;
  }
}
