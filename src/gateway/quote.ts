import { FastfnError } from '../errors.ts';

/**
 * A value as a quoted string of nginx's configuration (P78). Variables cannot be escaped there, so `$` is refused along
 * with control characters.
 */
export function quoteNginx(value: string): string {
  if (hasControlCharacter(value) || value.includes('$')) {
    throw new FastfnError('CONFIG_INVALID', `${JSON.stringify(value)} cannot be written to the nginx configuration`, {
      hint: 'use a path without control characters and without "$"',
    });
  }
  return `"${value.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
}

/** A value as a Lua string literal inside a `*_by_lua_block`. */
export function quoteLua(value: string): string {
  if (hasControlCharacter(value)) {
    throw new FastfnError('CONFIG_INVALID', `${JSON.stringify(value)} cannot be passed to the gateway`);
  }
  return `"${value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('{', '\\123').replaceAll('}', '\\125')}"`;
}

function hasControlCharacter(value: string): boolean {
  for (let i = 0; i < value.length; i++) {
    const code = value.charCodeAt(i);
    if (code < 32 || code === 127) return true;
  }
  return false;
}
