import { endpoint } from '../endpoint.ts';
import { Problem } from '../problem.ts';
import { LANDING_POLICY, renderLanding } from '../views/landing.ts';

/** P232: nginx asks only when no function has `/`. */
export const landingEndpoints = [
  endpoint({
    method: 'GET',
    path: '/',
    access: 'open',
    summary: 'What runs here, where no function owns the address',
    handle({ caller, flags, reply }, { platform }) {
      const { functions, routes } = platform.discovery;
      if (functions.length === 0) throw new Problem(404, 'not found');
      const shown = routes.filter(({ functionKey, source }) => functionKey !== null && source !== 'alias');
      const page = renderLanding({
        url: platform.url,
        hasDocs: flags.docs && flags.api,
        hasConsole: flags.ui,
        routes: caller.isLocal ? shown : null,
      });
      return reply
        .headers({ 'content-security-policy': LANDING_POLICY, 'x-frame-options': 'DENY' })
        .type('text/html; charset=utf-8')
        .send(page);
    },
  }),
];
