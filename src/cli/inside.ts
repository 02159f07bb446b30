import { EventEmitter } from 'node:events';
import type { FromContainer } from '../docker/messages.ts';
import { openOwnerLink } from '../docker/owner-link.ts';
import { INSIDE } from '../docker/paths.ts';
import { awaitPeer } from '../docker/peer.ts';
import { findNativePrerequisites } from '../doctor/native.ts';
import { ExitCode, FastfnError } from '../errors.ts';
import type { ProjectConfig } from '../project/types.ts';
import type { StackEvent } from '../stack/events.ts';
import { RemoteWatcher } from '../stack/remote-watcher.ts';
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
  const link = openOwnerLink(process.stdin, process.stdout, {
    onOrder: (order) => {
      if (order.type === 'changed') void watcher.notice(order.changes);
      else events.emit(order.type === 'reload' ? 'SIGHUP' : 'SIGTERM');
    },
    onGone: () => events.emit('gone'),
  });
  const tellFailure = (error: unknown) => link.tell(describeFailure(error));
  try {
    const begin = await link.begin;
    if (begin === null) return ExitCode.failure;
    if (begin.version !== version) throw otherVersion(begin.version);
    const config = begin.config as unknown as ProjectConfig;
    const onEvent = (event: StackEvent) => link.tell({ type: 'event', event });
    const loopbackPeer =
      begin.peerNonce === null
        ? null
        : await awaitPeer(INSIDE.port, begin.peerNonce, () => link.tell({ type: 'listening' }));
    return await superviseStack({
      start: async (signal) => {
        const { startNative } = await import('../stack/native.ts');
        const prerequisites = await findNativePrerequisites(config, config.runtimes, { env: process.env });
        for (const warning of await requireNative(config, prerequisites)) onEvent(warning);
        return startNative(config, { onEvent, prerequisites, signal, loopbackPeer, createWatcher: watcher.create });
      },
      events,
      hasTerminalInput: false,
      onReloadFailure: (error) =>
        onEvent({
          type: 'problem',
          severity: 'error',
          path: '.',
          message: `reload failed: ${(error as Error).message}`,
        }),
    });
  } catch (error) {
    tellFailure(error);
    return error instanceof FastfnError ? error.exitCode : ExitCode.failure;
  } finally {
    await link.flush();
  }
}

/** Signals of the process and orders of the owner come the same way; an owner who is gone wants the stack drained. */
function forwardProcessEvents(): EventEmitter {
  const events = new EventEmitter();
  for (const name of [...STOP_SIGNALS, 'SIGHUP', 'uncaughtException'] as const) {
    process.on(name, (cause) => events.emit(name, cause));
  }
  events.once('gone', () => events.emit('SIGTERM'));
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
