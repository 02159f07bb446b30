const TOKEN = /"(?:[^"\\]|\\.)*"|[{}[\]:,]/g;
const MAX_DEPTH = 32; // PHP, Python and Lua give up at some depth, each at its own
const LONE_SURROGATE = /\p{Surrogate}/u;

/**
 * Reads JSON that every parser reads alike: no member given twice, no half of a surrogate pair, nested no deeper than all of
 * them follow. The supervisor decides by its own reading and handlers act on theirs. undefined for anything else.
 */
export function parseStrictJson(text: string): unknown {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  return isUnambiguous(text) ? value : undefined;
}

/** Walks the tokens of valid JSON. */
function isUnambiguous(text: string): boolean {
  const open: (Set<string> | null)[] = []; // member names of each open object; null for an array
  let isName = false;
  for (const [token] of text.matchAll(TOKEN)) {
    if (token === '{' || token === '[') {
      if (open.push(token === '{' ? new Set() : null) > MAX_DEPTH) return false;
      isName = token === '{';
    } else if (token === '}' || token === ']') {
      open.pop();
      isName = false;
    } else if (token === ',') {
      isName = open.at(-1) !== null;
    } else if (token === ':') {
      isName = false;
    } else {
      const string: string = JSON.parse(token);
      if (LONE_SURROGATE.test(string)) return false;
      const names = open.at(-1);
      if (!isName || !names) continue;
      if (names.has(string)) return false;
      names.add(string);
    }
  }
  return true;
}
