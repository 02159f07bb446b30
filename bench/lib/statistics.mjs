/** The value below which `fraction` of the values lie, interpolated; NaN of nothing. */
export function quantile(values, fraction) {
  if (values.length === 0) return Number.NaN;
  const sorted = [...values].sort((a, b) => a - b);
  const position = (sorted.length - 1) * fraction;
  const below = Math.floor(position);
  const above = Math.ceil(position);
  return sorted[below] + (sorted[above] - sorted[below]) * (position - below);
}

export function median(values) {
  return quantile(values, 0.5);
}

/**
 * How two things compare that were measured in turn: the ratio of each round, then the median. A machine that slows down
 * for a while slows both halves of a round, which a ratio of medians would not see.
 */
export function pairedRatio(numerators, denominators) {
  if (numerators.length !== denominators.length) throw new Error('rounds do not pair up');
  return median(numerators.map((value, round) => value / denominators[round]));
}
