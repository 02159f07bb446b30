import { spawn } from 'node:child_process';

/**
 * Tells systemd how a service is, where it asks (P302). The messages are datagrams on a Unix socket, which Node cannot send:
 * systemd's own program does, hence `NotifyAccess=all` in the unit.
 */
export function tellServiceManager(env: NodeJS.ProcessEnv, state: 'READY=1' | 'STOPPING=1'): void {
  if (!env.NOTIFY_SOCKET) return;
  const child = spawn('systemd-notify', [state], { stdio: 'ignore', env });
  child.on('error', () => {}); // without it systemd ends the start at its own limit, and says why
  child.unref();
}
