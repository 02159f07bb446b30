const MIN_SECRET_LENGTH = 6; // F107: shorter values would blot out ordinary text

/**
 * The texts that stand for secrets wherever output is shown (F107): each value itself, its lines (a line of output is one record),
 * and escaped as in JSON or a URL, or in base64. The longest first.
 */
export function secretForms(values: readonly string[]): string[] {
  const forms = new Set(values.filter((value) => value.length >= MIN_SECRET_LENGTH).flatMap(formsOf));
  return [...forms].filter((form) => form.length >= MIN_SECRET_LENGTH).sort((a, b) => b.length - a.length);
}

function formsOf(value: string): string[] {
  const utf8 = Buffer.from(value); // without lone surrogates, which have no form in a URL
  const base64 = utf8.toString('base64').replace(/=+$/, '');
  const urlSafe = base64.replaceAll('+', '-').replaceAll('/', '_');
  return [value, ...value.split(/\r?\n/), ...jsonForms(value), encodeURIComponent(utf8.toString()), base64, urlSafe];
}

/** Python and PHP also escape what is not ASCII, PHP and Lua the slash. */
function jsonForms(value: string): string[] {
  const json = JSON.stringify(value).slice(1, -1);
  const ascii = json.replace(/[^\0-\x7e]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
  return [json, ascii].flatMap((form) => [form, form.replaceAll('/', '\\/')]);
}
