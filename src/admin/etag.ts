import { createHmac, randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CONFIG_FILE, ENV_FILE } from '../functions/platform-files.ts';
import type { FunctionDefinition } from '../functions/types.ts';
import type { AdminRequest } from './endpoint.ts';
import { Problem } from './problem.ts';

const ETAG_LENGTH = 32; // hex digits: 128 bits of SHA-256
/** Of this process: some tags cover secrets, and whoever may only read could try guesses against a plain hash. */
const KEY = randomBytes(32);

/** Names contents: equal contents in equal order, equal tags. A file that is not there counts as an empty one. */
export function etagOf(first: Content, ...others: readonly Content[]): string {
  const tags = [first, ...others].map((content) => digest(content ?? ''));
  return others.length === 0 ? tags[0]! : digest(tags.join());
}

type Content = Buffer | string | null;

function digest(content: Buffer | string): string {
  return createHmac('sha256', KEY).update(content).digest('hex').slice(0, ETAG_LENGTH);
}

/** The tag of files (absolute paths) as they are on disk now, in the order given. */
export async function etagOfFiles(first: string, ...others: readonly string[]): Promise<string> {
  const [content, ...more] = await Promise.all([first, ...others].map((path) => readFile(path).catch(() => null)));
  return etagOf(content!, ...more);
}

/** Tags of what reads of a function show (P165): each is the content hash of the files that the read is made of. */
export interface FunctionEtags {
  /** Handler, configuration and environment: P209. */
  readonly detail: string;
  /** fn.config.json: P179. */
  readonly config: string;
  /** fn.env.json: P181. */
  readonly env: string;
}

export async function functionEtags({ entry, dir }: FunctionDefinition): Promise<FunctionEtags> {
  const config = join(dir, CONFIG_FILE);
  const env = join(dir, ENV_FILE);
  const [detail, ofConfig, ofEnv] = await Promise.all([
    etagOfFiles(entry, config, env),
    etagOfFiles(config),
    etagOfFiles(env),
  ]);
  return { detail, config: ofConfig, env: ofEnv };
}

/** Whether `If-None-Match` names the tag, weak or strong: nginx weakens the tags of what it compresses. */
export function isCurrent(ifNoneMatch: string | string[] | undefined, etag: string): boolean {
  const tags = String(ifNoneMatch ?? '').split(',');
  return tags.map((tag) => tag.trim().replace(/^W\//, '')).some((tag) => tag === etag || tag === '*');
}

/**
 * Refuses a write whose `If-Match` names none of the `current` tags with 412 (P165). Tags count with and without the quotes
 * of RFC 9110, since reads give them bare. Without the header the last write wins.
 */
export function requireMatch({ headers }: Pick<AdminRequest, 'headers'>, ...current: readonly string[]): void {
  const given = headers['if-match'];
  if (given === undefined) return;
  const tags = String(given)
    .split(',')
    .map((tag) => tag.trim().replace(/^"(.*)"$/, '$1'));
  if (tags.some((tag) => tag === '*' || current.includes(tag))) return;
  throw new Problem(412, 'precondition failed', {
    detail: 'it was changed since it was read: read it again and repeat the change',
  });
}
