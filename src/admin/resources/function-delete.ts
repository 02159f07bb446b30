import * as z from 'zod';
import { endpoint } from '../endpoint.ts';
import { functionEtags, requireMatch } from '../etag.ts';
import { removeFunction } from '../function-removal.ts';
import { resolveTarget, TargetQuery } from '../target.ts';

const DeleteQuery = TargetQuery.extend({
  all: z.enum(['0', '1', ''], { error: 'all must be 0 or 1' }).optional(),
});

/** P178, P211. */
export const functionDeleteEndpoints = [
  endpoint({
    method: 'DELETE',
    path: '/_fn/function',
    access: 'write',
    summary: 'Removes a function',
    query: DeleteQuery,
    handle(request, { platform, changes }) {
      return changes.run(async () => {
        const { definition } = resolveTarget(platform, request.query);
        requireMatch(request, (await functionEtags(definition)).detail);
        const { removed, kept } = await removeFunction(platform, definition, request.query.all === '1');
        const { runtime, name, version } = definition;
        return { ok: true, runtime, name, version, removed, kept };
      });
    },
  }),
];
