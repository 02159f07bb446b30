import * as z from 'zod';
import { type AdminContext, type AdminRequest, type Endpoint, endpoint } from '../endpoint.ts';
import { Problem } from '../problem.ts';
import type { SettableFlags } from '../ui-state.ts';

const FLAGS = [
  'ui_enabled',
  'api_enabled',
  'write_enabled',
  'local_only',
  'login_enabled',
  'login_api_enabled',
] as const;

const Changes = z
  .strictObject(
    Object.fromEntries(
      FLAGS.map((name) => [name, z.boolean({ error: `${name} must be boolean` }).optional()]),
    ) as Record<(typeof FLAGS)[number], z.ZodOptional<z.ZodBoolean>>,
  )
  .transform((changes) => changes as Partial<SettableFlags>);

/** P215: `admin_api_enabled` and `public_explore` are shown, and nobody can set them. */
function shown({ caller }: AdminRequest, { platform, uiState }: AdminContext): Record<string, unknown> {
  return {
    ...uiState.settable,
    admin_api_enabled: platform.config.admin.api,
    public_explore: false,
    current_user: caller.user,
  };
}

/** What opens the platform wider than it was needs more than the local right to write. */
function loosens(changes: Partial<SettableFlags>, current: SettableFlags): boolean {
  const opens = (name: keyof SettableFlags, value: boolean) => changes[name] === value && current[name] !== value;
  return (
    opens('local_only', false) ||
    opens('write_enabled', true) ||
    opens('login_enabled', false) ||
    opens('login_api_enabled', false)
  );
}

const changing: readonly Endpoint[] = (['PUT', 'POST', 'PATCH'] as const).map((method) =>
  endpoint({
    method,
    path: '/_fn/ui-state',
    access: 'write',
    summary: 'Sets flags until the next start',
    body: Changes,
    handle(request, context) {
      const { body, caller } = request;
      if (caller.token !== 'right' && loosens(body, context.uiState.settable)) {
        throw new Problem(403, 'admin token required', {
          detail: 'to loosen local_only, write_enabled or the login, send the configured token as x-fn-admin-token',
        });
      }
      context.uiState.change(body);
      return shown(request, context);
    },
  }),
);

export const uiStateEndpoints: readonly Endpoint[] = [
  endpoint({
    method: 'GET',
    path: '/_fn/ui-state',
    access: 'read',
    summary: 'Flags of the console and the admin API',
    handle: shown,
  }),
  ...changing,
  endpoint({
    method: 'DELETE',
    path: '/_fn/ui-state',
    access: 'write',
    summary: 'Returns to the configured flags',
    handle(request, context) {
      const { settable, configured } = context.uiState;
      if (request.caller.token !== 'right' && loosens(configured, settable)) {
        throw new Problem(403, 'admin token required', {
          detail: 'the configured flags are looser than the present ones',
        });
      }
      context.uiState.reset();
      return shown(request, context);
    },
  }),
];
