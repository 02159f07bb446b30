// What zod found, in our words and with the names of the keys it knows.
import type { z } from 'zod';
import type { JsonPath } from './json-value.ts';

export type Issue = z.core.$ZodIssue;

/** Wording for zod's own checks; schemas with a message of their own keep it. */
export function describeIssue(issue: z.core.$ZodRawIssue): string | undefined {
  switch (issue.code) {
    case 'invalid_type':
      return issue.input === undefined ? 'is missing' : `must be ${withArticle(String(issue.expected))}`;
    case 'invalid_value':
      return `must be one of ${(issue.values as unknown[]).map((value) => JSON.stringify(value)).join(', ')}`;
    case 'too_big':
      return `must have at most ${issue.maximum} ${unitOf(issue.origin)}`;
    case 'too_small':
      return `must have at least ${issue.minimum} ${unitOf(issue.origin)}`;
    default:
      return undefined;
  }
}

/** The issues behind unions: those of the alternative that fits best, the one whose type was right. */
export function flattenIssues(issues: readonly Issue[], prefix: JsonPath = []): Issue[] {
  return issues.flatMap((issue) => {
    const path = [...prefix, ...issue.path];
    if (issue.code !== 'invalid_union' || issue.errors.length === 0) return [{ ...issue, path }];
    const best = issue.errors.find((branch) => branch.every((inner) => !isWrongType(inner))) ?? issue.errors.at(-1)!;
    return flattenIssues(best, path);
  });
}

/** Whether the alternative expected another kind of value altogether. */
function isWrongType(issue: Issue): boolean {
  return issue.path.length === 0 && (issue.code === 'invalid_type' || issue.code === 'invalid_value');
}

/** Names of the keys that an object at this path may have. */
export function knownKeys(schema: z.core.$ZodType, path: JsonPath): string[] {
  const { def } = (schema as z.core.$ZodTypes)._zod;
  switch (def.type) {
    case 'optional':
    case 'nullable':
      return knownKeys(def.innerType, path);
    case 'union':
      return def.options.flatMap((option) => knownKeys(option, path));
    case 'pipe':
      return [...knownKeys(def.in, path), ...knownKeys(def.out, path)];
    case 'array':
      return path.length > 0 ? knownKeys(def.element, path.slice(1)) : [];
    case 'object': {
      if (path.length === 0) return Object.keys(def.shape);
      const member = def.shape[String(path[0])];
      return member ? knownKeys(member, path.slice(1)) : [];
    }
    default:
      return [];
  }
}

function withArticle(type: string): string {
  return /^[aeiou]/.test(type) ? `an ${type}` : `a ${type}`;
}

function unitOf(origin: unknown): string {
  return origin === 'string' ? 'characters' : 'entries';
}
