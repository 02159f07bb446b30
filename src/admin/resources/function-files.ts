import { isUtf8 } from 'node:buffer';
import { basename, join, relative } from 'node:path';
import { CONFIG_FILE, ENV_FILE, foldedName } from '../../functions/platform-files.ts';
import type { FunctionDefinition } from '../../functions/types.ts';
import { endpoint } from '../endpoint.ts';
import { etagOfFiles } from '../etag.ts';
import { OwnPath } from '../file-path.ts';
import { identityOf } from '../function-paths.ts';
import { requireInsideRoot } from '../inside-root.ts';
import { type ReadFile, readInside } from '../own-files.ts';
import type { Platform } from '../platform.ts';
import { Problem } from '../problem.ts';
import { DEFAULT_VERSION, resolveTarget, TargetQuery } from '../target.ts';
import { shownConfig } from '../views/config.ts';
import { isShownName, listFiles } from '../views/files.ts';

const MAX_CONTENT_BYTES = 1024 * 1024; // P185

/** P184, P185. */
export const functionFileEndpoints = [
  endpoint({
    method: 'GET',
    path: '/_fn/function-files',
    access: 'read',
    summary: 'Files of a function',
    query: TargetQuery,
    async handle({ query }, { platform }) {
      const { definition } = resolveTarget(platform, query);
      const { runtime, name, function_dir } = identityOf(platform, definition);
      const files = await listFiles(definition, platform.config.functionsRoot);
      return { runtime, name, function_dir, files, versions: versionsOf(platform, definition) };
    },
  }),
  endpoint({
    method: 'GET',
    path: '/_fn/function-file-content',
    access: 'read',
    summary: 'Content of a file of a function',
    query: TargetQuery.extend({ path: OwnPath }),
    handle({ query }, { platform }) {
      return readContent(platform, resolveTarget(platform, query).definition, query.path);
    },
  }),
];

/** Versions beside the default one. */
function versionsOf(platform: Platform, { runtime, name }: FunctionDefinition): readonly string[] {
  return platform
    .functions()
    .map(({ definition }) => definition)
    .filter((other) => other.runtime === runtime && other.name === name && other.version !== DEFAULT_VERSION)
    .map(({ version }) => version)
    .sort();
}

async function readContent({ config }: Platform, { dir }: FunctionDefinition, path: string) {
  const file = join(dir, path);
  const real = requireInsideRoot(config.functionsRoot, file);
  // The real name decides too: a link would be another way to the same secrets.
  const names = [...path.split('/'), ...relative(config.functionsRoot, real).split('/')];
  const means = (platformFile: string) => names.some((name) => foldedName(name) === platformFile);
  if (means(ENV_FILE)) throw new Problem(403, 'use the env API');
  if (!names.every(isShownName)) throw new Problem(404, 'file not found');
  const stored = await readInside(config.functionsRoot, file, MAX_CONTENT_BYTES);
  if (stored === null) throw new Problem(404, 'file not found', { detail: basename(path) });
  const found = means(CONFIG_FILE) ? withoutSecrets(stored) : stored;
  const truncated = found.size > found.bytes.length;
  const isText = isUtf8(truncated ? wholeCharacters(found.bytes) : found.bytes);
  return {
    path,
    content: isText ? found.bytes.toString('utf8') : found.bytes.toString('base64'),
    truncated,
    is_base64: !isText,
    etag: await etagOfFiles(real),
  };
}

/** P163: an `auth` block holds what a guess can be checked against, an upstream's URL perhaps a password. */
function withoutSecrets({ bytes }: ReadFile): ReadFile {
  const text = shownConfig(bytes.toString('utf8'));
  if (text === null)
    throw new Problem(403, 'use the config API', { detail: 'what does not parse may hold a secret anywhere' });
  const shown = Buffer.from(text);
  return { bytes: shown, size: shown.length };
}

/** Without the beginning of a character at the end, which lies where the content was cut. */
function wholeCharacters(bytes: Buffer): Buffer {
  let end = bytes.length - 1;
  while (end > 0 && bytes.length - end < 4 && (bytes[end]! & 0xc0) === 0x80) end -= 1;
  return bytes.subarray(0, bytes[end]! >= 0xc0 ? end : bytes.length);
}
