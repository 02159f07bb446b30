import type { ProcessRuntime } from '../functions/types.ts';

/** The languages in which a function can be created: those that have a worker, and Lua. */
export type CreatableRuntime = ProcessRuntime | 'lua';

/** The handler's file name unless one is given (P210). */
export const DEFAULT_HANDLER: Readonly<Record<CreatableRuntime, string>> = {
  node: 'handler.js',
  python: 'handler.py',
  php: 'handler.php',
  lua: 'handler.lua',
};

const MODULE = `export const handler = async () => {
  return { message: 'Hello' };
};
`;
const COMMON_JS = MODULE.replace('export const handler', 'exports.handler');
const NODE = { js: COMMON_JS, cjs: COMMON_JS } as Readonly<Record<string, string>>;
const OTHERS = {
  python: `def handler(event):
    return {"message": "Hello"}
`,
  php: `<?php

function handler(array $event): array
{
    return ['message' => 'Hello'];
}
`,
  lua: `function handler(event)
  return { message = "Hello" }
end
`,
} as const;

/** What a function answers that was created without code. */
export function minimalHandler(runtime: CreatableRuntime, filename: string): string {
  if (runtime !== 'node') return OTHERS[runtime];
  return NODE[filename.slice(filename.lastIndexOf('.') + 1)] ?? MODULE;
}
