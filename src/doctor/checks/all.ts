import type { Check } from '../check.ts';
import { dockerChecks } from './docker.ts';
import { projectChecks } from './project.ts';
import { runtimeChecks } from './runtimes.ts';
import { securityChecks } from './security.ts';
import { stackChecks } from './stack.ts';
import { systemChecks } from './system.ts';

/** Every check of `fastfn doctor`, in the order of the report. */
export const ALL_CHECKS: readonly Check[] = [
  ...systemChecks,
  ...dockerChecks,
  ...runtimeChecks,
  ...projectChecks,
  ...securityChecks,
  ...stackChecks,
];
