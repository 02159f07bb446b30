const INVISIBLE = /[\p{Mn}\p{Me}\p{Cf}]/u;
/** East Asian wide and full-width forms, and emoji (UAX #11): two columns each. */
const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}]/u;
const PRINTABLE_ASCII = /^[ -~]*$/;

/** Columns that a text without control characters takes. */
export function textWidth(text: string): number {
  if (PRINTABLE_ASCII.test(text)) return text.length;
  let width = 0;
  for (const character of text) width += characterWidth(character);
  return width;
}

/** The longest beginning of a text that fits. */
export function cutToWidth(text: string, columns: number): string {
  if (text.length <= columns && PRINTABLE_ASCII.test(text)) return text;
  let width = 0;
  let end = 0;
  for (const character of text) {
    width += characterWidth(character);
    if (width > columns) break;
    end += character.length;
  }
  return text.slice(0, end);
}

function characterWidth(character: string): number {
  if (INVISIBLE.test(character)) return 0;
  return WIDE.test(character) ? 2 : 1;
}

/** C0 without the tab, DEL, and C1: what a terminal acts on instead of showing it. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
const CONTROL = /[\u0000-\u0008\u000a-\u001f\u007f-\u009f]/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
const COLOUR_OR_CONTROL = /\u001b\[[\d;]*m|[\u0000-\u0008\u000a-\u001f\u007f-\u009f]/g;

/**
 * One line as it may go to a terminal: what a function prints, or a client puts into a path, must not move the cursor, set
 * the title or answer a query. Colours stay where colours are wanted, and end with the line.
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
