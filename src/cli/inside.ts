import { EventEmitter } from 'node:events';
import { join } from 'node:path';
import type { FromContainer } from '../docker/messages.ts';
import { type OwnerLink, openOwnerLink } from '../docker/owner-link.ts';
import { INSIDE } from '../docker/paths.ts';
import { awaitPeer } from '../docker/peer.ts';
import { adoptSurroundings } from '../docker/surroundings.ts';
import { createTunnelEnd } from '../docker/tunnel.ts';
import { findNativePrerequisites } from '../doctor/native.ts';
import { ExitCode, FastfnError } from '../errors.ts';
import type { ProjectConfig } from '../project/types.ts';
import type { StackEvent } from '../stack/events.ts';
import { RemoteWatcher } from '../stack/remote-watcher.ts';
import { OPERATOR_SOCKET } from '../stack/run-dir.ts';
import type { RunningStack } from '../stack/running-stack.ts';
import { version } from '../version.ts';
import { requireNative } from './prerequisites.ts';
import { superviseStack } from './supervise.ts';

const STOP_SIGNALS = ['SIGINT', 'SIGTERM'] as const;

/**
 * The stack of Docker mode inside its container (P65): what a terminal and signals are to `fastfn dev --native`, lines of JSON on
 * standard input and output are here. Hidden: only the container's owner on the host can speak to it.
 */
export async function inside(): Promise<ExitCode> {
  const watcher = new RemoteWatcher();
  const events = forwardProcessEvents();
  let stack: RunningStack | undefined;
  const tunnel = createTunnelEnd(join(INSIDE.stack, OPERATOR_SOCKET), (piece) => link.tell(piece));
  const link = openOwnerLink(process.stdin, process.stdout, {
    onOrder: (order) => {
      if (order.type === 'changed') void watcher.notice(order.changes);
      else if (order.type === 'tunnel') tunnel(order);
      else if (order.type === 'reload') void reload(stack, link);
      else events.emit('SIGTERM');
    },
    onGone: () => events.emit('SIGTERM'),
  });
  try {
    const begin = await link.begin;
    if (begin === null) return ExitCode.failure;
    if (begin.version !== version) throw otherVersion(begin.version);
    const config = begin.config as unknown as ProjectConfig;
    const onEvent = (event: StackEvent) => link.tell({ type: 'event', event });
    await adoptSurroundings(begin.surroundings, config.storeDir, process.env);
    const loopbackPeer = await learnPeer(begin.peerNonce, link);
    return await superviseStack({
      start: async (signal) => {
        const { startNative } = await import('../stack/native.ts');
        const prerequisites = await findNativePrerequisites(config, config.runtimes, { env: process.env });
        for (const warning of await requireNative(config, prerequisites)) onEvent(warning);
        stack = await startNative(config, {
          onEvent,
          prerequisites,
          signal,
          loopbackPeer,
          createWatcher: watcher.create,
        });
        return stack;
      },
      events,
      hasTerminalInput: false,
      onReloadFailure: (error) =>
        onEvent({ type: 'problem', severity: 'error', path: '.', message: (error as Error).message }),
    });
  } catch (error) {
    link.tell(describeFailure(error));
    return error instanceof FastfnError ? error.exitCode : ExitCode.failure;
  } finally {
    await link.flush();
  }
}

async function learnPeer(nonce: string | null, link: OwnerLink): Promise<string | null> {
  return nonce === null ? null : awaitPeer(INSIDE.port, nonce, () => link.tell({ type: 'listening' }));
}

async function reload(stack: RunningStack | undefined, link: OwnerLink): Promise<void> {
  const problem = await stack?.reload().then(
    () => null,
    (error: Error) => error.message,
  );
  link.tell({ type: 'reloaded', problem: problem ?? null });
}

/** Signals of the process and orders of the owner come the same way. */
function forwardProcessEvents(): EventEmitter {
  const events = new EventEmitter();
  for (const name of [...STOP_SIGNALS, 'SIGHUP', 'uncaughtException'] as const) {
    process.on(name, (cause) => events.emit(name, cause));
  }
  return events;
}

function describeFailure(error: unknown): FromContainer {
  const { message } = error as Error;
  if (!(error instanceof FastfnError)) return { type: 'failure', code: 'INTERNAL', message };
  const { code, hint } = error;
  return { type: 'failure', code, message, ...(hint !== undefined && { hint }) };
}

function otherVersion(wanted: string): FastfnError {
  return new FastfnError('PREREQUISITE_MISSING', `the image holds FastFN ${version}, version ${wanted} is needed`, {
    hint: 'Use an image of the same version, or leave FN_DOCKER_IMAGE empty: the image is then built.',
  });
}
