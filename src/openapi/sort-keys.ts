/** A copy whose objects list their keys in order, so that equal documents are equal bytes (P233). Shared parts stay shared. */
export function sortKeys<T>(value: T): T {
  const sorted = new Map<object, unknown>();

  function sort(node: unknown): unknown {
    if (node === null || typeof node !== 'object') return node;
    const known = sorted.get(node);
    if (known !== undefined) return known;
    const copy = Array.isArray(node)
      ? node.map(sort)
      : Object.fromEntries(
          Object.entries(node)
            .sort(([a], [b]) => (a < b ? -1 : 1))
            .map(([key, member]) => [key, sort(member)]),
        );
    sorted.set(node, copy);
    return copy;
  }

  return sort(value) as T;
}
