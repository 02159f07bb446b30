import type { FastfnError } from '../errors.ts';
import type { Discovery } from '../functions/types.ts';
import type { ProjectConfig } from '../project/types.ts';
import type { Need } from './packages.ts';
import type { NativePrerequisites } from './types.ts';

export type Status = 'OK' | 'WARN' | 'FAIL';

/** What a check found out. */
export interface Finding {
  readonly status: Status;
  /** One line. */
  readonly message: string;
  readonly hint?: string | undefined;
  readonly details?: Readonly<Record<string, string>>;
  /** What to install so that it passes. */
  readonly needs?: readonly Need[];
}

/** One question to the machine or the project; asking changes nothing (P265). */
export interface Check {
  /** `<family>.<name>`: API, like error codes. */
  readonly id: string;
  run(context: DoctorContext): Finding | Promise<Finding>;
  /** What `--fix` may do about it beside installing `needs`; returns what was done, null when nothing was to do (P287). */
  fix?(context: DoctorContext): Promise<string | null>;
}

/** What the checks look at; the slow parts start once, for all of them. */
export interface DoctorContext {
  readonly cwd: string;
  /** fastfn.json, null when there is none. */
  readonly configFile: string | null;
  /** Why the configuration cannot be used. */
  readonly configError: FastfnError | null;
  readonly project: Project | null;
}

export interface Project {
  readonly config: ProjectConfig;
  readonly prerequisites: Promise<NativePrerequisites>;
  readonly discovery: Promise<Discovery>;
}

/** A check that does not apply (P263). */
export function skipped(reason: string): Finding {
  return { status: 'OK', message: `not checked: ${reason}`, details: { skipped: reason } };
}

/** Runs a check that needs a valid configuration. */
export function withProject(
  context: DoctorContext,
  run: (project: Project) => Finding | Promise<Finding>,
): Finding | Promise<Finding> {
  return context.project === null ? skipped('the configuration is invalid') : run(context.project);
}
