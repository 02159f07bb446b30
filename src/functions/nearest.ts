/**
 * The known name closest to a mistyped one, for "did you mean" hints. Case, `-` and `_` do not count (a camelCase
 * spelling finds its snake_case name), a swap of neighbours counts once, equal distances go to the earlier name.
 * Without `maxDistance` a third of the word may differ, at least 2 edits; a word never matches one it shares nothing with.
 */
export function nearest(word: string, known: Iterable<string>, maxDistance?: number): string | undefined {
  const wanted = fold(word);
  let bound = Math.min(maxDistance ?? Math.max(2, Math.floor(wanted.length / 3)), wanted.length - 1);
  let best: string | undefined;
  for (const name of known) {
    const distance = editDistance(wanted, fold(name), bound);
    if (distance > bound) continue;
    best = name;
    bound = distance - 1;
  }
  return best;
}

function fold(name: string): string {
  return name.toLowerCase().replaceAll(/[-_]/g, '');
}

/** Optimal string alignment distance; anything above `bound` is reported as `bound + 1`. */
function editDistance(a: string, b: string, bound: number): number {
  if (bound < 0 || Math.abs(a.length - b.length) > bound) return bound + 1;
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    for (let column = 1; column <= b.length; column++) {
      const same = a[row - 1] === b[column - 1];
      let cost = Math.min(last[column]! + 1, current[column - 1]! + 1, last[column - 1]! + (same ? 0 : 1));
      const swapped = row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1];
      if (swapped) cost = Math.min(cost, beforeLast[column - 2]! + 1);
      current.push(cost);
    }
    beforeLast = last;
    last = current;
  }
  return Math.min(last[b.length]!, bound + 1);
}

/** ` (did you mean "…"?)` for a message about an unknown name; empty where nothing is near. */
export function suggest(word: string, known: Iterable<string>): string {
  const name = nearest(word, known);
  return name === undefined ? '' : ` (did you mean "${name}"?)`;
}
