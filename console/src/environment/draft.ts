import type { EnvEntry } from '../shapes.ts';

/** What the API shows in place of a secret; sent back, it keeps the stored value (P213). */
export const HIDDEN = '<hidden>';

/** One key while it is edited. */
export interface EnvRow {
  readonly id: number;
  readonly key: string;
  readonly value: string;
  readonly isSecret: boolean;
  /** As the file has it; null for a key that is being added. */
  readonly stored: EnvEntry | null;
  /** The value was edited or is about to be replaced. */
  readonly isReplaced: boolean;
  readonly isDeleted: boolean;
}

export function rowsOf(env: Readonly<Record<string, EnvEntry>>): readonly EnvRow[] {
  return Object.entries(env).map(([key, stored], id) => ({
    id,
    key,
    value: stored.value == null ? '' : String(stored.value),
    isSecret: stored.is_secret,
    stored,
    isReplaced: false,
    isDeleted: false,
  }));
}

/** The body of the PUT: only what was changed (P213); null when nothing was. */
export function changesOf(rows: readonly EnvRow[]): Readonly<Record<string, unknown>> | null {
  const changes = rows.flatMap((row): [string, unknown][] => {
    const { key, value, isSecret, stored, isReplaced, isDeleted } = row;
    if (isDeleted) return stored ? [[key, null]] : [];
    if (stored === null) return key === '' ? [] : [[key, { value, is_secret: isSecret }]];
    if (isReplaced) return [[key, { value, is_secret: isSecret }]];
    return isSecret === stored.is_secret ? [] : [[key, { is_secret: isSecret }]];
  });
  return changes.length === 0 ? null : Object.fromEntries(changes);
}

/** The body of the PUT that turns what is stored into `edited`: keys that are gone are deleted. */
export function rawChanges(
  stored: Readonly<Record<string, EnvEntry>>,
  edited: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> | null {
  const gone = Object.keys(stored).filter((key) => !Object.hasOwn(edited, key));
  const changed = Object.entries(edited).filter(
    ([key, value]) => JSON.stringify(stored[key]) !== JSON.stringify(value),
  );
  if (gone.length + changed.length === 0) return null;
  return Object.fromEntries([...gone.map((key): [string, null] => [key, null]), ...changed]);
}

const KEY = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** What is wrong with the keys of rows that would be sent; null when nothing is. */
export function keyComplaint(rows: readonly EnvRow[]): string | null {
  const keys = rows.filter(({ isDeleted }) => !isDeleted).map(({ key }) => key);
  const bad = keys.find((key) => key !== '' && !KEY.test(key));
  if (bad !== undefined) return `${bad} is not a variable name: letters, digits and _, not beginning with a digit`;
  const twice = keys.find((key, at) => key !== '' && keys.indexOf(key) !== at);
  return twice === undefined ? null : `${twice} is there twice`;
}
