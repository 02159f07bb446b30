/**
 * The value below which a share of the observations lies, from their counts by class; within a class they are taken to be
 * spread evenly. Above the last bound only that bound is known. 0 without observations.
 */
export function percentile(counts: ArrayLike<number>, bounds: readonly number[], share: number): number {
  let total = 0;
  for (let at = 0; at < counts.length; at += 1) total += counts[at] as number;
  const rank = total * share;
  let below = 0;
  for (const [at, bound] of bounds.entries()) {
    const count = counts[at] as number;
    if (count > 0 && below + count >= rank) {
      const floor = at === 0 ? 0 : (bounds[at - 1] as number);
      return floor + ((bound - floor) * (rank - below)) / count;
    }
    below += count;
  }
  return total === 0 ? 0 : (bounds.at(-1) as number);
}
