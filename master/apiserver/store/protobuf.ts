/** Protobuf's wire format, as far as etcd's messages need it: varints, lengths, nesting. */

/** Writes a message from its end to its start, so that every length is known when it must be written. */
export class MessageWriter {
  #buffer = Buffer.allocUnsafeSlow(64 * 1024);
  #start = this.#buffer.length;

  /** Where the message begins now; give it to `nest` after the nested fields are written. */
  get mark(): number {
    return this.#buffer.length - this.#start;
  }

  /** The message, and the writer is empty again. */
  take(): Buffer {
    const message = Buffer.from(this.#buffer.subarray(this.#start));
    this.#start = this.#buffer.length;
    return message;
  }

  number(field: number, value: number): void {
    this.#varint(value);
    this.#varint(field * 8);
  }

  text(field: number, value: string): void {
    const length = Buffer.byteLength(value);
    this.#reserve(length);
    this.#start -= length;
    this.#buffer.write(value, this.#start);
    this.#varint(length);
    this.#varint(field * 8 + 2);
  }

  bytes(field: number, value: Buffer): void {
    this.#reserve(value.length);
    this.#start -= value.length;
    value.copy(this.#buffer, this.#start);
    this.#varint(value.length);
    this.#varint(field * 8 + 2);
  }

  /** Makes everything written since `mark` the content of this field. */
  nest(field: number, mark: number): void {
    this.#varint(this.mark - mark);
    this.#varint(field * 8 + 2);
  }

  #varint(value: number): void {
    let length = 1;
    for (let rest = value; rest >= 128; rest = Math.floor(rest / 128)) length += 1;
    this.#reserve(length);
    this.#start -= length;
    let at = this.#start;
    let rest = value;
    for (; rest >= 128; rest = Math.floor(rest / 128)) {
      this.#buffer[at] = (rest % 128) + 128;
      at += 1;
    }
    this.#buffer[at] = rest;
  }

  #reserve(length: number): void {
    if (this.#start >= length) return;
    const grown = Buffer.allocUnsafeSlow(this.#buffer.length * 2 + length);
    const start = this.#start + grown.length - this.#buffer.length;
    this.#buffer.copy(grown, start, this.#start);
    this.#buffer = grown;
    this.#start = start;
  }
}

/** Reads the fields of a message one after the other. */
export class MessageReader {
  readonly #bytes: Buffer;
  readonly #end: number;
  #at: number;
  #wireType = 0;

  constructor(bytes: Buffer, start = 0, end = bytes.length) {
    this.#bytes = bytes;
    this.#at = start;
    this.#end = end;
  }

  /** The number of the next field; 0 at the end. The value must then be read or skipped. */
  next(): number {
    if (this.#at >= this.#end) return 0;
    const tag = this.number();
    this.#wireType = tag & 7;
    return tag >>> 3;
  }

  /** A varint. Exact up to 2^53; identifiers beyond are only ever skipped. */
  number(): number {
    let value = 0;
    let factor = 1;
    for (;;) {
      const byte = this.#bytes[this.#at];
      if (byte === undefined) throw new Error('a message of etcd ends within a number');
      this.#at += 1;
      value += (byte & 127) * factor;
      if (byte < 128) return value;
      factor *= 128;
    }
  }

  bytes(): Buffer {
    const length = this.number();
    const start = this.#at;
    this.#at += length;
    return this.#bytes.subarray(start, this.#at);
  }

  text(): string {
    const length = this.number();
    const start = this.#at;
    this.#at += length;
    return this.#bytes.toString('utf8', start, this.#at);
  }

  message(): MessageReader {
    const length = this.number();
    const start = this.#at;
    this.#at += length;
    return new MessageReader(this.#bytes, start, this.#at);
  }

  skip(): void {
    if (this.#wireType === 0) this.number();
    else if (this.#wireType === 2) this.bytes();
    else this.#at += this.#wireType === 1 ? 8 : 4;
  }

  /** The field's raw varint bytes as text: for identifiers of 64 bits that are only compared. */
  identifier(): string {
    const start = this.#at;
    this.number();
    return this.#bytes.toString('hex', start, this.#at);
  }
}
