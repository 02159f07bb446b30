/** What YAML can say and JSON can too. Members that are undefined are left out. */
export type YamlValue =
  | string
  | number
  | boolean
  | null
  | readonly YamlValue[]
  | { readonly [key: string]: YamlValue | undefined };

/** Words that YAML 1.1 readers, as those of Kubernetes, take for something else than text. */
const RESERVED = /^(?:true|false|yes|no|on|off|y|n|null|~)$/i;

/** Text that is the same in every version of YAML without quotes; numbers and dates are not among it. */
const PLAIN = /^[A-Za-z/][\w./-]*$/;

/** What a double-quoted scalar may not hold as it is, and JSON does not escape: controls and line breaks of YAML 1.1. */
const UNPRINTABLE = /[\u007f-\u009f\u2028\u2029\ufeff]/g;

/** Writes several documents as one YAML stream. */
export function toYamlStream(documents: readonly YamlValue[]): string {
  return documents.map((document) => `---\n${toYaml(document)}`).join('');
}

/** Writes a document in block style; it reads the same as YAML 1.1 and 1.2. */
export function toYaml(document: YamlValue): string {
  return `${writeLines(document).join('\n')}\n`;
}

function writeLines(value: YamlValue): string[] {
  if (typeof value !== 'object' || value === null) return [scalar(value)];
  const lines = Array.isArray(value) ? value.flatMap(writeItem) : Object.entries(value).flatMap(writeMember);
  return lines.length > 0 ? lines : [Array.isArray(value) ? '[]' : '{}'];
}

function writeItem(value: YamlValue): string[] {
  return writeLines(value).map((line, index) => `${index === 0 ? '- ' : '  '}${line}`);
}

function writeMember([key, value]: [string, YamlValue | undefined]): string[] {
  if (value === undefined) return [];
  const lines = writeLines(value);
  if (typeof value !== 'object' || value === null || isEmpty(value)) return [`${scalar(key)}: ${lines[0]}`];
  return [`${scalar(key)}:`, ...lines.map((line) => `  ${line}`)];
}

function isEmpty(value: object): boolean {
  return Object.values(value).every((member) => member === undefined);
}

function scalar(value: string | number | boolean | null): string {
  if (typeof value !== 'string') return String(value);
  if (PLAIN.test(value) && !RESERVED.test(value)) return value;
  const escaped = (character: string) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  return JSON.stringify(value).replace(UNPRINTABLE, escaped);
}
