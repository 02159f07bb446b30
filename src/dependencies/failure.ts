import type { ToolOutcome } from './run-tool.ts';
import { lastLines } from './tool-log.ts';
import type { Tool } from './types.ts';

/** Why an install did not succeed, for people. */
export interface InstallFailure {
  readonly reason: string;
  readonly tail: readonly string[];
}

const TAIL_LINES = 20;

/** Explains a tool's failure by its exit and the last lines of its log. */
export function explainFailure(
  tool: Tool,
  outcome: ToolOutcome,
  timeoutSeconds: number,
  logFile: string,
): InstallFailure {
  const lines = lastLines(logFile);
  return { reason: reasonOf(tool, outcome, timeoutSeconds, lines), tail: lines.slice(-TAIL_LINES) };
}

function reasonOf(tool: Tool, outcome: ToolOutcome, timeoutSeconds: number, lines: readonly string[]): string {
  if (outcome.type === 'missing') return `${tool} cannot be started: ${outcome.program} is missing or not executable`;
  if (outcome.type === 'timeout') return `${tool} did not finish within ${timeoutSeconds} s`;
  const how = outcome.signal === null ? `exited with ${outcome.code}` : `was ended by ${outcome.signal}`;
  const why = SAID[tool](lines);
  return why === undefined ? `${tool} ${how}` : `${tool} ${how}: ${why}`;
}

/** The line of a tool's output that names the cause. */
const SAID: Readonly<Record<Tool, (lines: readonly string[]) => string | undefined>> = {
  pip: (lines) =>
    lines.findLast((line) => line.startsWith('ERROR: '))?.slice('ERROR: '.length) ??
    lines.findLast((line) => line.includes('No module named pip')),
  npm: (lines) =>
    lines
      .slice(lines.findLastIndex((line) => line.startsWith('$ ')) + 1)
      .filter((line) => /^npm (error|ERR!) /.test(line))
      .map((line) => line.replace(/^npm (error|ERR!) /, ''))
      .find((line) => !line.startsWith('code ')),
  composer: (lines) => lines.findLast((line) => /^\s*(Problem \d|- |\[)/.test(line))?.trim(),
};
