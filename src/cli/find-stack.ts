import { type FoundStack, findStack } from '../control/stacks.ts';
import { FastfnError } from '../errors.ts';
import type { ProjectConfig } from '../project/types.ts';
import type { Invocation } from './terminal.ts';

/** The running stack that a command line is about; throws NOT_RUNNING with how to start one. */
export async function requireStack(config: ProjectConfig, invocation: Invocation, dir?: string): Promise<FoundStack> {
  const port = invocation.settings.port === undefined ? undefined : config.port;
  const stack = await findStack({ config, isExact: dir !== undefined, port });
  if (stack !== null) return stack;
  throw noStack(config, dir, '', port);
}

/** NOT_RUNNING with how to start one. */
export function noStack(config: ProjectConfig, dir: string | undefined, remark = '', port?: number): FastfnError {
  const place = port === undefined ? '' : ` on port ${port}`;
  const flags = port === undefined ? [] : ['--port', port];
  const start = ['fastfn dev --native', ...(dir === undefined ? [] : [dir]), ...flags].join(' ');
  return new FastfnError('NOT_RUNNING', `no stack of ${config.functionsRoot} is running${place}`, {
    hint: `Start one with "${start}".${remark}`,
  });
}
