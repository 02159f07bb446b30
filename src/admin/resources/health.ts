import { version } from '../../version.ts';
import { endpoint } from '../endpoint.ts';
import { admit } from '../guard.ts';

/** P166: the minimum for strangers, details for whoever may read. */
export const healthEndpoints = [
  endpoint({
    method: 'GET',
    path: '/_fn/health',
    access: 'open',
    summary: 'Health: status for everyone, details for administrators',
    handle({ caller, flags, reply }, { platform }) {
      const status = platform.isDraining ? 'draining' : 'ok';
      if (status !== 'ok') reply.code(503);
      if (admit(flags, caller, 'read') !== null) return { status };
      const { config, discovery } = platform;
      return {
        status,
        version,
        mode: platform.mode,
        uptime_s: (Date.now() - platform.startedAt) / 1000,
        functions_root: config.functionsRoot,
        routing: {
          mapped_routes: discovery.routes.length,
          mapped_route_conflicts: discovery.conflicts.length,
          table_version: platform.tableVersion,
        },
      };
    },
  }),
];
