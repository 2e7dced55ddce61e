/** A binary heap: the least item first, by the order that it is given. */
export class Heap<T> {
  readonly #before: (a: T, b: T) => boolean;
  readonly #items: T[] = [];

  constructor(before: (a: T, b: T) => boolean) {
    this.#before = before;
  }

  get size(): number {
    return this.#items.length;
  }

  peek(): T | undefined {
    return this.#items[0];
  }

  push(item: T): void {
    this.#items.push(item);
    let place = this.#items.length - 1;
    while (place > 0) {
      const parent = (place - 1) >> 1;
      if (!this.#swapIfBefore(place, parent)) return;
      place = parent;
    }
  }

  pop(): T | undefined {
    const first = this.#items[0];
    const last = this.#items.pop();
    if (this.#items.length === 0 || last === undefined) return first;
    this.#items[0] = last;
    for (let place = 0; ; ) {
      const left = 2 * place + 1;
      if (left >= this.#items.length) return first;
      const right = left + 1;
      const child = right < this.#items.length && this.#before(this.#items[right]!, this.#items[left]!) ? right : left;
      if (!this.#swapIfBefore(child, place)) return first;
      place = child;
    }
  }

  #swapIfBefore(child: number, parent: number): boolean {
    const a = this.#items[child]!;
    const b = this.#items[parent]!;
    if (!this.#before(a, b)) return false;
    this.#items[child] = b;
    this.#items[parent] = a;
    return true;
  }
}
