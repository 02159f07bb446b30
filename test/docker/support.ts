import Docker from 'dockerode';
import { describe, inject } from 'vitest';
import './daemon-setup.ts';

const daemon = inject('docker');

/** The daemon's socket; tests that use it stand in `describeWithDaemon`. */
export const socketPath = 'socketPath' in daemon ? daemon.socketPath : '';

/** A client of the tests' daemon. */
export const docker = new Docker({ socketPath, host: undefined } as Docker.DockerOptions);

/** What points the command line at the tests' daemon. */
export const daemonEnvironment = { DOCKER_HOST: `unix://${socketPath}`, DOCKER_CONTEXT: '' };

/** `describe` for tests of a real daemon. */
export const describeWithDaemon = describe.skipIf('reason' in daemon);
