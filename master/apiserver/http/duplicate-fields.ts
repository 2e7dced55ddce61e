/**
 * Finds fields that a JSON text says twice. A parser keeps the last one and does not tell.
 *
 * Every write is looked at, so the common case is quick: the keys in the text are counted, and only where the parsed value
 * has fewer of them is the text read again to find which.
 */

/** `duplicate field "spec.replicas"` for each. `value` is what the text was parsed to; the text is known to be proper JSON. */
export function duplicateFields(text: string, value: unknown): string[] {
  return keysInText(text) === keysInValue(value) ? [] : new Scanner(text).run();
}

/** How many are told of, as in Kubernetes. */
const maxDuplicates = 100;

const quote = 0x22;
const backslash = 0x5c;
const colon = 0x3a;

function keysInText(text: string): number {
  let keys = 0;
  for (let at = text.indexOf('"'); at >= 0; at = text.indexOf('"', at)) {
    at = afterString(text, at);
    while (isSpace(text.charCodeAt(at))) at++;
    if (text.charCodeAt(at) === colon) keys++;
  }
  return keys;
}

function keysInValue(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  let keys = 0;
  if (Array.isArray(value)) {
    for (const item of value) if (typeof item === 'object') keys += keysInValue(item);
    return keys;
  }
  for (const held of Object.values(value)) keys += typeof held === 'object' ? 1 + keysInValue(held) : 1;
  return keys;
}

/** The place after the string that begins at `at`. */
function afterString(text: string, at: number): number {
  for (let end = text.indexOf('"', at + 1); end >= 0; end = text.indexOf('"', end + 1)) {
    let slashes = 0;
    while (text.charCodeAt(end - 1 - slashes) === backslash) slashes++;
    if (slashes % 2 === 0) return end + 1;
  }
  return text.length;
}

const isSpace = (code: number): boolean => code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09;

/** Where the scanner is: in an object at a key, or in a list at an item. */
interface Level {
  /** Of an object. */
  readonly seen?: Set<string>;
  key: string | number;
}

class Scanner {
  readonly #text: string;
  readonly #found = new Set<string>();
  readonly #levels: Level[] = [];

  constructor(text: string) {
    this.#text = text;
  }

  run(): string[] {
    const text = this.#text;
    for (let at = 0; at < text.length; at++) {
      const code = text.charCodeAt(at);
      const level = this.#levels.at(-1);
      if (code === quote) {
        const end = afterString(text, at);
        let next = end;
        while (isSpace(text.charCodeAt(next))) next++;
        if (text.charCodeAt(next) === colon && level) this.#key(level, JSON.parse(text.slice(at, end)));
        at = end - 1;
      } else if (code === 0x7b) this.#levels.push({ seen: new Set(), key: '' });
      else if (code === 0x5b) this.#levels.push({ key: 0 });
      else if (code === 0x7d || code === 0x5d) this.#levels.pop();
      else if (code === 0x2c && typeof level?.key === 'number') level.key++;
    }
    return [...this.#found].slice(0, maxDuplicates).map((path) => `duplicate field ${JSON.stringify(path)}`);
  }

  #key(level: Level, key: string): void {
    level.key = key;
    if (level.seen?.has(key)) this.#found.add(this.#path());
    level.seen?.add(key);
  }

  #path(): string {
    return this.#levels.reduce(
      (path, { key }) => (typeof key === 'number' ? `${path}[${key}]` : path === '' ? key : `${path}.${key}`),
      '',
    );
  }
}
