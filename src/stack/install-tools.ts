import type { InstallerOptions } from '../dependencies/types.ts';
import { isMissing, type NativePrerequisites, type Program } from '../doctor/types.ts';

/** What the installer needs to know of the programs that were found. */
export function installerOptions(
  prerequisites: NativePrerequisites,
): Pick<InstallerOptions, 'binaries' | 'runtimeVersions'> {
  const python = found(prerequisites.pip)?.path;
  const npm = found(prerequisites.npm)?.path;
  const composer = found(prerequisites.composer)?.path;
  const pythonVersion = found(prerequisites.python)?.version;
  const phpVersion = found(prerequisites.php)?.version;
  return {
    binaries: { ...(python && { python }), ...(npm && { npm }), ...(composer && { composer }) },
    runtimeVersions: {
      node: found(prerequisites.node)?.version ?? process.versions.node,
      ...(pythonVersion && { python: pythonVersion }),
      ...(phpVersion && { php: phpVersion }),
    },
  };
}

function found(program: Program | null) {
  return program && !isMissing(program) ? program : undefined;
}
