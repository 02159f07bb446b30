import { ManifestProblem } from './manifest-problem.ts';

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Parses a manifest that must be a JSON object; throws ManifestProblem naming the file. */
export function parseManifest(text: string, file: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new ManifestProblem(`${file}: ${(error as Error).message}`);
  }
  if (!isRecord(value)) throw new ManifestProblem(`${file}: not a JSON object`);
  return value;
}
