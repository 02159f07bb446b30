import { Problem } from './problem.ts';

/** Deeper documents have no use here, and would overflow the stack of whatever walks them. */
const MAX_DEPTH = 64;

/** The JSON of a request body; undefined for an empty one. Members that reach for a prototype are refused, not dropped. */
export function parseBody(text: string): unknown {
  if (text === '') return undefined;
  if (isTooDeep(text)) throw new Problem(400, 'invalid json', { detail: `nested deeper than ${MAX_DEPTH} levels` });
  try {
    return JSON.parse(text, refusePrototype);
  } catch (error) {
    if (error instanceof Problem) throw error;
    throw new Problem(400, 'invalid json', { detail: whereBroken(error as SyntaxError) });
  }
}

function refusePrototype(key: string, value: unknown): unknown {
  if (key === '__proto__') throw new Problem(400, 'invalid json', { detail: 'a member is called __proto__' });
  return value;
}

/** Counts brackets outside strings: cheaper than parsing, and before it. */
function isTooDeep(text: string): boolean {
  let depth = 0;
  let isInString = false;
  for (let at = 0; at < text.length; at += 1) {
    const character = text[at];
    if (isInString) {
      if (character === '\\') at += 1;
      else if (character === '"') isInString = false;
    } else if (character === '"') isInString = true;
    else if (character === '[' || character === '{') {
      depth += 1;
      if (depth > MAX_DEPTH) return true;
    } else if (character === ']' || character === '}') depth -= 1;
  }
  return false;
}

/** The position only: the parser's message may quote what was sent, a secret perhaps. */
function whereBroken({ message }: SyntaxError): string {
  const position = /position (\d+)/.exec(message)?.[1];
  return position === undefined ? 'the document is incomplete' : `does not parse at position ${position}`;
}
