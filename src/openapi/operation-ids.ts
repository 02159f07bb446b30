/** Hands out operation ids: the second use of one gets `_2`, the third `_3` (P236). */
export class OperationIds {
  readonly #used = new Set<string>();
  readonly #next = new Map<string, number>();

  take(...words: readonly string[]): string {
    const id = words.join('_').replace(/[^A-Za-z0-9_]/g, '_');
    let unique = id;
    let number = this.#next.get(id) ?? 2;
    while (this.#used.has(unique)) unique = `${id}_${number++}`;
    this.#next.set(id, number);
    this.#used.add(unique);
    return unique;
  }
}
