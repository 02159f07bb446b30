import { FastfnError } from '../errors.ts';
import type { ProjectConfig } from '../project/types.ts';
import { coveredPath } from './paths.ts';

/** Refuses mounts that would cover what the container itself needs (P62). */
export function requireMountable({ functionsRoot, stateDir, docker }: ProjectConfig): void {
  const targets = [
    { name: 'the functions folder', target: functionsRoot },
    { name: 'the state folder', target: stateDir },
    ...docker.mounts.map(({ target }) => ({ name: 'docker.mounts', target })),
  ];
  const problems = targets.flatMap(({ name, target }) => {
    const own = coveredPath(target);
    return own === null ? [] : [`${name}: ${target} would cover ${own} inside the container`];
  });
  if (problems.length === 0) return;
  throw new FastfnError('CONFIG_INVALID', problems.join('\n'), { hint: 'Choose another folder, or use --native.' });
}
