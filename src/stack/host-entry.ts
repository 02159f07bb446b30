import { join } from 'node:path';
import type { TunnelPiece } from '../docker/messages.ts';
import { openTunnel } from '../docker/tunnel.ts';
import type { ProjectConfig } from '../project/types.ts';
import { version } from '../version.ts';
import { takeControlSocket } from './control-socket.ts';
import { chooseRunDir, createRunDir, OPERATOR_SOCKET, removeRunDir } from './run-dir.ts';
import { startTicks, writeRunFile } from './run-file.ts';

const CONTROL_SOCKET = 'control.sock';

/** Where other commands of this machine find a stack that runs in a container, as they find one in native mode (P72-P74). */
export interface HostEntry {
  /** Bytes of a connection to the operator, from the container. */
  take(piece: TunnelPiece): void;
  /** From now on the stack is found. */
  announce(url: string, startedAt: Date): Promise<void>;
  close(): Promise<void>;
}

/** Throws ALREADY_RUNNING where a living stack has the folder and the port. */
export async function openHostEntry(
  config: ProjectConfig,
  port: number,
  send: (piece: TunnelPiece) => void,
): Promise<HostEntry> {
  const runDir = chooseRunDir(config, port, null);
  await createRunDir(runDir, null);
  const control = await takeControlSocket(join(runDir, CONTROL_SOCKET));
  const operator = await openTunnel(join(runDir, OPERATOR_SOCKET), send);
  return {
    take: (piece) => operator.take(piece),
    async announce(url, startedAt) {
      control.identify({ pid: process.pid, url });
      await writeRunFile(runDir, {
        pid: process.pid,
        pid_start: startTicks(process.pid),
        mode: 'docker',
        url,
        port,
        functions_root: config.functionsRoot,
        project_id: config.projectId,
        started_at: startedAt.toISOString(),
        version,
        control_socket: join(runDir, CONTROL_SOCKET),
        log_dir: config.logs.dir,
        children: [],
      });
    },
    async close() {
      operator.close();
      await control.close();
      await removeRunDir(runDir);
    },
  };
}
