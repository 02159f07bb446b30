import type { FastfnError } from '../errors.ts';
import type { Discovery } from '../functions/types.ts';
import type { ProjectConfig } from '../project/types.ts';
import type { DockerAnswer } from './docker.ts';
import type { ImageAnswer } from './docker-image.ts';
import type { Need } from './packages.ts';
import type { ProjectFiles } from './project-files.ts';
import type { Run } from './runs.ts';
import type { NativePrerequisites } from './types.ts';
import { servesEverything } from './verdict.ts';

export type Status = 'OK' | 'WARN' | 'FAIL';

/** What a check found out. */
export interface Finding {
  readonly status: Status;
  /** One line. */
  readonly message: string;
  readonly hint?: string | undefined;
  readonly details?: Readonly<Record<string, string>> | undefined;
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

/** `--mode`: which mode has to work; `auto` is content with either (P265). */
export const MODES = ['auto', 'native', 'docker'] as const;
export type DoctorMode = (typeof MODES)[number];

/** What the checks look at; the slow parts start once, for all of them. */
export interface DoctorContext {
  readonly cwd: string;
  /** fastfn.json, null when there is none. */
  readonly configFile: string | null;
  /** Why the configuration cannot be used. */
  readonly configError: FastfnError | null;
  readonly project: Project | null;
  /** What it takes processes and connections to know; null in `fastfn check`, which uses neither (P17). */
  readonly machine: Machine | null;
}

/** What the files of a project say. */
export interface Project {
  readonly config: ProjectConfig;
  readonly discovery: Promise<Discovery>;
  readonly files: Promise<ProjectFiles>;
}

export interface Machine {
  readonly mode: DoctorMode;
  /** null where native mode is not asked about, or the configuration does not say what it needs. */
  readonly prerequisites: Promise<NativePrerequisites> | null;
  /** null where Docker mode is not asked about. */
  readonly docker: Promise<DockerAnswer> | null;
  /** The image that Docker mode would use; null where it is not asked about, or the configuration does not say. */
  readonly image: Promise<ImageAnswer | null> | null;
  /** Stacks of this user, living and dead. */
  readonly runs: Promise<readonly Run[]>;
}

/** A check that does not apply (P263). */
export function skipped(reason: string): Finding {
  return { status: 'OK', message: `not checked: ${reason}`, details: { skipped: reason } };
}

/** Runs a check that needs a valid configuration. */
export function withProject(
  run: (project: Project, context: DoctorContext) => Finding | Promise<Finding>,
): Check['run'] {
  return (context) =>
    context.project === null ? skipped('the configuration is invalid') : run(context.project, context);
}

/** What a check of native mode looks at. */
export interface NativeScene {
  readonly config: ProjectConfig;
  readonly discovery: Discovery;
  readonly found: NativePrerequisites;
  /** How bad it is that something this project needs is missing (P265). */
  severity(): Promise<Status>;
}

/** Runs a check of what native mode needs. */
export function withNative(run: (scene: NativeScene) => Finding | Promise<Finding>): Check['run'] {
  return withProject(async ({ config, discovery }, { machine }) => {
    if (!machine?.prerequisites) return skipped('the image of Docker mode brings it');
    const [found, functions] = await Promise.all([machine.prerequisites, discovery]);
    return run({ config, found, discovery: functions, severity: () => severityWithoutNative(machine) });
  });
}

async function severityWithoutNative({ image }: Machine): Promise<Status> {
  const answer = await image;
  return answer && answer.state !== 'unavailable' ? 'WARN' : 'FAIL';
}

/** How bad it is that Docker mode cannot be used (P265). */
export async function severityWithoutDocker({ machine, project }: DoctorContext): Promise<Status> {
  if (!machine?.prerequisites || project === null) return 'FAIL';
  const [found, { functions }] = await Promise.all([machine.prerequisites, project.discovery]);
  return servesEverything(project.config, found, functions) ? 'WARN' : 'FAIL';
}
