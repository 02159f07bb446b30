import { FastfnError } from '../errors.ts';

/** Everything that is wrong with the configuration, a line each (P37). */
export class ConfigError extends FastfnError {
  readonly problems: readonly string[];

  constructor(problems: readonly string[], options: { hint?: string } = {}) {
    super('CONFIG_INVALID', problems.join('\n'), options);
    this.problems = problems;
  }
}
