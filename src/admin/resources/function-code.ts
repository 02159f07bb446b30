import { basename } from 'node:path';
import * as z from 'zod';
import { writeFileAtomic } from '../../atomic-file.ts';
import { CONFIG_FILE } from '../../functions/platform-files.ts';
import type { FunctionDefinition } from '../../functions/types.ts';
import { type AdminRequest, endpoint } from '../endpoint.ts';
import { etagOfFiles, functionEtags, requireMatch } from '../etag.ts';
import { changeFunction } from '../function-change.ts';
import { identityOf, namesOf, ownFile, requireExisting } from '../function-paths.ts';
import type { Platform } from '../platform.ts';
import { Problem } from '../problem.ts';
import { TargetQuery } from '../target.ts';
import { describeCore } from '../views/detail.ts';

const MAX_CODE_BYTES = 2 * 1_048_576;
/** Code as JSON: some clients write every character beyond ASCII as six bytes. */
const MAX_BODY_BYTES = 3 * MAX_CODE_BYTES;

const CodeBody = z.object({ code: z.string({ error: 'code must be a string' }) });
type CodeBody = z.output<typeof CodeBody>;

/** P183. */
export const functionCodeEndpoints = [
  endpoint({
    method: 'PUT',
    path: '/_fn/function-code',
    access: 'write',
    summary: 'Replaces the code of a function',
    query: TargetQuery,
    body: CodeBody,
    maxBodyBytes: MAX_BODY_BYTES,
    async handle(request, context) {
      const { platform } = context;
      const { code } = request.body;
      if (Buffer.byteLength(code) > MAX_CODE_BYTES) throw new Problem(413, 'payload too large');
      const { status, load } = await changeFunction(context, request.query, (current) =>
        writeCode(platform, current, request),
      );
      const { metadata, policy, file_path } = await describeCore(platform, status);
      return {
        ...identityOf(platform, status.definition),
        file_path,
        code,
        code_truncated: false,
        metadata,
        policy,
        etag: await etagOfFiles(status.definition.entry),
        load,
      };
    },
  }),
];

async function writeCode(platform: Platform, definition: FunctionDefinition, request: AdminRequest<unknown, CodeBody>) {
  // An entrypoint that does not resolve leaves a function without a file of its own (F24).
  if (basename(definition.entry) === CONFIG_FILE) {
    throw new Problem(409, 'function has no handler', { detail: definition.configProblem ?? undefined });
  }
  requireMatch(request, await etagOfFiles(definition.entry), (await functionEtags(definition)).detail);
  const file = ownFile(platform, definition, definition.entry.slice(definition.dir.length + 1));
  requireExisting(file);
  await writeFileAtomic(file.real, request.body.code);
  return namesOf(file);
}
