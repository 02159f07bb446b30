import { lstat, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import * as z from 'zod';
import { writeFileAtomic } from '../../atomic-file.ts';
import { makeFolders, removeEmptyFolders } from '../../make-folder.ts';
import { endpoint } from '../endpoint.ts';
import { etagOfFiles, requireMatch } from '../etag.ts';
import { editableFile, WritablePath } from '../file-path.ts';
import { changeFunction } from '../function-change.ts';
import { namesOf, type OwnFile } from '../function-paths.ts';
import { Problem } from '../problem.ts';
import { TargetQuery } from '../target.ts';

const MAX_FILE_BYTES = 1_048_576;
/** A file as JSON: some clients write every character beyond ASCII as six bytes. */
const MAX_BODY_BYTES = 3 * MAX_FILE_BYTES;
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

const FileBody = z.object({
  path: WritablePath,
  content: z.string({ error: 'content must be a string' }),
  is_base64: z.boolean({ error: 'is_base64 must be boolean' }).default(false),
});

/** P186, P187: files beside the handler. */
export const functionFilesWriteEndpoints = [
  endpoint({
    method: 'PUT',
    path: '/_fn/function-file-content',
    access: 'write',
    summary: 'Writes a file of a function',
    query: TargetQuery,
    body: FileBody,
    maxBodyBytes: MAX_BODY_BYTES,
    async handle(request, context) {
      const { path, content, is_base64: isBase64 } = request.body;
      const bytes = decode(content, isBase64);
      if (bytes.length > MAX_FILE_BYTES) throw new Problem(413, 'payload too large');
      const { load } = await changeFunction(context, request.query, async (definition) => {
        const file = editableFile(context.platform, definition, path, 403);
        requireMatch(request, await etagOfFiles(file.real));
        return writeFile(file, bytes);
      });
      return { ok: true, path, load };
    },
  }),
  endpoint({
    method: 'DELETE',
    path: '/_fn/function-file-content',
    access: 'write',
    summary: 'Removes a file of a function',
    query: TargetQuery.extend({ path: WritablePath }),
    async handle(request, context) {
      const { path } = request.query;
      const { load } = await changeFunction(context, request.query, async (definition) => {
        const file = editableFile(context.platform, definition, path, 400);
        if (file.path === definition.entry) {
          throw new Problem(400, 'the handler cannot be removed', {
            detail: 'DELETE /_fn/function removes the function',
          });
        }
        const found = await lstat(file.path).catch(() => null);
        if (found === null) throw new Problem(404, 'file not found');
        if (found.isDirectory()) throw new Problem(400, 'not a file');
        requireMatch(request, await etagOfFiles(file.real));
        await unlink(file.path); // of a symlink only the link itself
        return [file.path];
      });
      return { ok: true, path, load };
    },
  }),
];

function decode(content: string, isBase64: boolean): Buffer {
  if (!isBase64) return Buffer.from(content);
  if (!BASE64.test(content)) throw new Problem(400, 'invalid content', { detail: 'it is not base64' });
  return Buffer.from(content, 'base64');
}

async function writeFile(file: OwnFile, bytes: Buffer): Promise<readonly string[]> {
  const found = await lstat(file.real).catch(() => null);
  if (found && !found.isFile()) throw new Problem(400, 'not a file');
  let folders: readonly string[] = [];
  try {
    folders = await makeFolders(dirname(file.real));
    await writeFileAtomic(file.real, bytes);
  } catch (error) {
    await removeEmptyFolders(folders);
    throw impossiblePath(error as NodeJS.ErrnoException);
  }
  return [...folders, ...namesOf(file)];
}

function impossiblePath(error: NodeJS.ErrnoException): Error {
  const reasons: Readonly<Record<string, string>> = {
    ENOTDIR: 'a file is where a folder would be',
    ENAMETOOLONG: 'a name is too long',
  };
  const detail = reasons[error.code ?? ''];
  return detail === undefined ? error : new Problem(400, 'invalid path', { detail });
}
