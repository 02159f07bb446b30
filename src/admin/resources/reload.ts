import { type Endpoint, endpoint, type Method } from '../endpoint.ts';
import { Problem } from '../problem.ts';

/** P175, P318: both methods, for tools that only know GET. */
export const reloadEndpoints: readonly Endpoint[] = (['POST', 'GET'] as const).map((method: Method) =>
  endpoint({
    method,
    path: '/_fn/reload',
    access: 'exec',
    summary: 'Reads all functions anew',
    async handle(_request, { platform }) {
      const report = await platform.reload().catch((error: Error) => {
        throw new Problem(500, 'reload failed', { detail: error.message });
      });
      return {
        ok: true,
        reloaded_at: Date.now() / 1000,
        functions_root: platform.config.functionsRoot,
        runtime_order: platform.runtimes().map(({ runtime }) => runtime),
        catalog_generated_at: platform.scannedAt / 1000,
        table_version: report.tableVersion,
        changed: report.changed,
        problems: platform.problems().length,
      };
    },
  }),
);
