import * as z from 'zod';
import { endpoint } from '../endpoint.ts';
import { Problem } from '../problem.ts';

const Credentials = z.object({
  username: z.string({ error: 'username must be a string' }),
  password: z.string({ error: 'password must be a string' }),
});

/** P200, P201. */
export const sessionEndpoints = [
  endpoint({
    method: 'POST',
    path: '/_fn/login',
    access: 'session',
    summary: 'Begins a session of the console',
    body: Credentials,
    async handle({ body, caller, client, isSecure, reply }, { sessions, uiState, countFailure }) {
      if (!uiState.settable.login_enabled) throw new Problem(404, 'login disabled');
      if (!(await sessions.verify(body.username, body.password))) {
        if (!caller.isLocal) countFailure(client);
        throw new Problem(401, 'invalid credentials');
      }
      reply.header('set-cookie', sessions.issue(body.username, isSecure));
      return { ok: true, user: body.username };
    },
  }),
  endpoint({
    method: 'POST',
    path: '/_fn/logout',
    access: 'session',
    summary: 'Ends the session',
    handle({ isSecure, reply }, { sessions }) {
      reply.header('set-cookie', sessions.clear(isSecure));
      return { ok: true };
    },
  }),
];
