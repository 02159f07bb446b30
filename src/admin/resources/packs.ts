import { endpoint } from '../endpoint.ts';
import { describePacks, PACKS_ROOT } from '../views/packs.ts';
import { epochSeconds } from '../views/time.ts';

/** P198. */
export const packEndpoints = [
  endpoint({
    method: 'GET',
    path: '/_fn/packs',
    access: 'read',
    summary: 'Shared packs of packages',
    handle: async (_request, { platform }) => ({
      generated_at: epochSeconds(Date.now()),
      packs_root: PACKS_ROOT,
      runtimes: await describePacks(platform.config.functionsRoot),
    }),
  }),
];
