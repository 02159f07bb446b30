import { reportRoutes } from '../../functions/route-report.ts';
import { endpoint } from '../endpoint.ts';

/** P31, of the running stack: what `fastfn routes --live` shows. */
export const routeEndpoints = [
  endpoint({
    method: 'GET',
    path: '/_fn/routes',
    access: 'read',
    summary: 'Routes, conflicts and what is skipped',
    handle: (_request, { platform }) => reportRoutes(platform.config.functionsRoot, platform.discovery),
  }),
];
