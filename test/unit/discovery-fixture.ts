import { mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { onTestFinished } from 'vitest';
import { createDiscovery, type FunctionDiscovery } from '../../src/functions/discovery.ts';
import type { Discovery, Route } from '../../src/functions/types.ts';
import type { ProjectConfig } from '../../src/project/types.ts';

/** File contents by path relative to the functions root; objects are written as JSON. */
export type Files = Readonly<Record<string, string | object>>;

/** A folder with these files, removed after the test. `name` is the base name of the functions root. */
export async function writeTree(files: Files, name = 'functions'): Promise<string> {
  const parent = await realpath(await mkdtemp(join(tmpdir(), 'fastfn-discovery-')));
  onTestFinished(() => rm(parent, { recursive: true, force: true }));
  const root = join(parent, name);
  await mkdir(root);
  await addFiles(root, files);
  return root;
}

export async function addFiles(root: string, files: Files): Promise<void> {
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), typeof content === 'string' ? content : JSON.stringify(content));
  }
}

/** The part of the project configuration that discovery reads, with the platform's defaults. */
export function projectFor(root: string, changes: Partial<ProjectConfig> = {}): ProjectConfig {
  const config: Partial<ProjectConfig> = {
    functionsRoot: root,
    runtimes: ['node', 'python', 'php', 'lua'],
    forceUrl: false,
    ignoreDirs: [],
    fromEnv: {},
    secretsKey: null,
    limits: {
      timeoutMs: 2500,
      maxConcurrency: 1024,
      maxBodyBytes: 1_048_576,
      bodyCeilingBytes: 1_073_741_824,
      maxQueryArgs: 1000,
      maxHeaders: 200,
    },
    workers: {
      spares: 1,
      idleTtlSeconds: 300,
      maxRequests: 0,
      maxRssMb: 512,
      bootTimeoutMs: 10_000,
      envAllow: [],
    },
    ...changes,
  };
  return config as ProjectConfig;
}

export function discoveryOf(root: string, changes: Partial<ProjectConfig> = {}): FunctionDiscovery {
  return createDiscovery(projectFor(root, changes));
}

/** Writes the files and reads them. */
export async function discoverFiles(files: Files, changes: Partial<ProjectConfig> = {}): Promise<Discovery> {
  return discoveryOf(await writeTree(files), changes).scan();
}

/** Routes as `GET,POST /users/:id < users/[id].js`, `409` instead of a file for a conflict, `~` before an alias. */
export function listRoutes(discovery: Discovery): string[] {
  return discovery.routes.map(describeRoute).sort();
}

export function describeRoute(route: Route): string {
  const target = route.functionKey === null ? '409' : route.file;
  const hosts = route.hosts.length > 0 ? ` @${route.hosts.join(',')}` : '';
  return `${route.source === 'alias' ? '~' : ''}${route.methods.join(',')} ${route.path}${hosts} < ${target}`;
}

/** Problems as `warning path: message`. */
export function listProblems(discovery: Discovery): string[] {
  return discovery.problems.map(({ severity, path, message }) => `${severity} ${path}: ${message}`);
}
