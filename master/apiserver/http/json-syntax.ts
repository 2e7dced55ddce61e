/**
 * Where a text stops being JSON, told as Kubernetes tells it: in the words of Go's `encoding/json`, which clients and people
 * know. Read only once a text is known to be wrong, so it may be slow; it does not recurse, so it takes any depth.
 */

const ends = { '{': '}', '[': ']' } as const;
type Opened = keyof typeof ends;

const literals: Readonly<Record<string, string>> = { t: 'true', f: 'false', n: 'null' };
const unfinished = 'unexpected end of JSON input';

class SyntaxFault extends Error {}

/** What is wrong with the text; `fallback` when nothing is, by this reading. */
export function jsonSyntaxError(text: string, fallback: string): string {
  try {
    new Reader(text).read();
    return fallback;
  } catch (error) {
    if (error instanceof SyntaxFault) return error.message;
    throw error;
  }
}

class Reader {
  readonly #text: string;
  #at = 0;
  readonly #open: Opened[] = [];

  constructor(text: string) {
    this.#text = text;
  }

  read(): void {
    do this.#value();
    while (this.#next());
    if (this.#peek() !== undefined) throw this.#unexpected('after top-level value');
  }

  /** A value, or the beginning of one that holds others: then as far as its first inner value. */
  #value(): void {
    for (;;) {
      const first = this.#take();
      if (this.#scalar(first)) return;
      if (first !== '{' && first !== '[') throw this.#unexpected('looking for beginning of value', first);
      if (this.#peek() === ends[first]) {
        this.#at++;
        return;
      }
      this.#open.push(first);
      if (first === '{') this.#key('looking for beginning of object key string');
    }
  }

  /** Whether it was one; then it is read. */
  #scalar(first: string | undefined): boolean {
    const literal = first === undefined ? undefined : literals[first];
    if (first === '"') this.#string();
    else if (first === '-' || isDigit(first)) this.#number(first);
    else if (literal !== undefined) this.#literal(literal);
    else return false;
    return true;
  }

  /** Whether another value follows in what is still open. */
  #next(): boolean {
    for (let within = this.#open.at(-1); within !== undefined; within = this.#open.at(-1)) {
      const found = this.#take();
      if (found === ends[within]) {
        this.#open.pop();
        continue;
      }
      if (found !== ',') {
        throw this.#unexpected(within === '{' ? 'after object key:value pair' : 'after array element', found);
      }
      if (within === '{') this.#key('looking for beginning of object key string');
      return true;
    }
    return false;
  }

  #key(why: string): void {
    const quote = this.#take();
    if (quote !== '"') throw this.#unexpected(why, quote);
    this.#string();
    const colon = this.#take();
    if (colon !== ':') throw this.#unexpected('after object key', colon);
  }

  #string(): void {
    for (;;) {
      const found = this.#text[this.#at++];
      if (found === '"') return;
      if (found === undefined || found < ' ') throw this.#unexpected('in string literal', found);
      if (found === '\\') this.#escape();
    }
  }

  #escape(): void {
    const found = this.#text[this.#at++];
    if (found === undefined || !'bfnrt\\/"u'.includes(found)) throw this.#unexpected('in string escape code', found);
    if (found !== 'u') return;
    for (let digit = 0; digit < 4; digit++) {
      const hex = this.#text[this.#at++];
      if (hex === undefined || !/[0-9a-fA-F]/.test(hex)) {
        throw this.#unexpected('in \\u hexadecimal character escape', hex);
      }
    }
  }

  #number(first: string | undefined): void {
    const start = first === '-' ? this.#text[this.#at++] : first;
    if (!isDigit(start)) throw this.#unexpected('in numeric literal', start);
    if (start !== '0') this.#digits();
    if (this.#text[this.#at] === '.') {
      this.#at++;
      this.#someDigits('after decimal point in numeric literal');
    }
    if (this.#text[this.#at] === 'e' || this.#text[this.#at] === 'E') {
      this.#at++;
      if (this.#text[this.#at] === '+' || this.#text[this.#at] === '-') this.#at++;
      this.#someDigits('in exponent of numeric literal');
    }
  }

  #someDigits(why: string): void {
    if (!isDigit(this.#text[this.#at])) throw this.#unexpected(why, this.#text[this.#at]);
    this.#digits();
  }

  #digits(): void {
    while (isDigit(this.#text[this.#at])) this.#at++;
  }

  #literal(literal: string): void {
    for (const expected of literal.slice(1)) {
      const found = this.#text[this.#at++];
      if (found !== expected) throw this.#unexpected(`in literal ${literal} (expecting '${expected}')`, found);
    }
  }

  /** The next character that is no space, without taking it. */
  #peek(): string | undefined {
    while (this.#at < this.#text.length && ' \t\r\n'.includes(this.#text[this.#at] ?? '')) this.#at++;
    return this.#text[this.#at];
  }

  #take(): string | undefined {
    const found = this.#peek();
    this.#at++;
    return found;
  }

  #unexpected(why: string, found = this.#text[this.#at]): SyntaxFault {
    if (found === undefined) return new SyntaxFault(unfinished);
    return new SyntaxFault(`invalid character ${quoted(found)} ${why}`);
  }
}

const isDigit = (found: string | undefined): boolean => found !== undefined && found >= '0' && found <= '9';

function quoted(found: string): string {
  if (found === "'") return `'\\''`;
  if (found === '"') return `'"'`;
  return `'${JSON.stringify(found).slice(1, -1)}'`;
}
