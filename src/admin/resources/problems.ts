import { endpoint } from '../endpoint.ts';
import type { ProjectProblem } from '../platform.ts';
import { epochSeconds } from '../views/time.ts';

/** P174. */
export const problemEndpoints = [
  endpoint({
    method: 'GET',
    path: '/_fn/problems',
    access: 'read',
    summary: 'What is wrong with the project now',
    handle: (_request, { platform }) => ({ problems: platform.problems().map(problemView) }),
  }),
];

function problemView({ severity, kind, function: key, file, line, message, hint, since }: ProjectProblem) {
  return {
    severity,
    kind,
    ...(key !== null && { function: key }),
    ...(file !== null && { file }),
    ...(line !== null && { line }),
    message,
    ...(hint !== null && { hint }),
    since: epochSeconds(since),
  };
}
