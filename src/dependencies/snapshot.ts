import { createHash } from 'node:crypto';
import type { DependencyManifest } from '../functions/types.ts';
import { snapshotComposer } from './composer-manifest.ts';
import { snapshotNpm } from './npm-manifest.ts';
import { snapshotPip } from './pip-manifest.ts';
import type { ManifestSnapshot, Tool } from './types.ts';

const READERS: Readonly<Record<Tool, (manifest: DependencyManifest) => ManifestSnapshot>> = {
  pip: snapshotPip,
  npm: snapshotNpm,
  composer: snapshotComposer,
};

/** Reads a manifest with everything it refers to on this disk; throws ManifestProblem. */
export function takeSnapshot(manifest: DependencyManifest): ManifestSnapshot {
  return READERS[manifest.tool](manifest);
}

const LAYOUT = 1; // changes when an older version's sets can no longer be used
const KEY_LENGTH = 32; // hex digits: 128 bits, and a folder name that is still readable

/** The content key of a set (F151). Only major.minor of the runtime counts: patch releases keep their ABI. */
export function contentKey(snapshot: ManifestSnapshot, runtimeVersion: string | undefined): string {
  const abi = /^\d+\.\d+/.exec(runtimeVersion ?? '')?.[0] ?? 'unknown';
  const { tool, files, inline, local } = snapshot;
  const identity = JSON.stringify([LAYOUT, tool, abi, process.platform, process.arch, files, inline, local]);
  return createHash('sha256').update(identity).digest('hex').slice(0, KEY_LENGTH);
}
