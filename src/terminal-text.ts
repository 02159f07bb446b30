/** C0 without the tab, DEL, and C1: what a terminal acts on instead of showing it. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
const CONTROL = /[\u0000-\u0008\u000a-\u001f\u007f-\u009f]/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
const COLOUR_OR_CONTROL = /\u001b\[[\d;]*m|[\u0000-\u0008\u000a-\u001f\u007f-\u009f]/g;
const DEL_OR_C1 = /[\u007f-\u009f]/g;

/**
 * One line as it may go to a terminal: what a function prints, or a client puts into a path, must not move the cursor, set
 * the title, answer a query or make a line of its own. Colours stay where colours are wanted, and end with the line.
 */
export function forTerminal(line: string, keepsColours: boolean): string {
  if (!CONTROL.test(line)) return line;
  let hasColours = false;
  const shown = line.replaceAll(COLOUR_OR_CONTROL, (sequence) => {
    if (sequence.length > 1) {
      hasColours ||= keepsColours;
      return keepsColours ? sequence : '';
    }
    return `\\x${sequence.charCodeAt(0).toString(16).padStart(2, '0')}`;
  });
  return hasColours ? `${shown}\u001b[0m` : shown;
}

/** JSON as it may go to a terminal: the same document, with what JSON allows and a terminal acts on (DEL, C1) escaped. */
export function escapeControls(json: string): string {
  return json.replaceAll(DEL_OR_C1, (character) => `\\u00${character.charCodeAt(0).toString(16)}`);
}
