/** Protobuf's wire format, read with care: of messages that come from outside, or from a disk. */

/** Reads a message. Throws an Error where it does not hold what it says, or something else than is asked for. */
export class Wire {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get done(): boolean {
    return this.#at >= this.#bytes.length;
  }

  tag(): { number: number; wireType: number } {
    const tag = this.integer();
    return { number: Math.floor(tag / 8), wireType: tag & 7 };
  }

  /** A varint, as signed as 64 bits make it. Throws where the field is of another type. */
  integer(wireType = 0): number {
    if (wireType !== 0) throw new Error(`wire type ${wireType} where a number is due`);
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.#bytes[this.#at++];
      if (byte === undefined) throw new Error('unexpected end of the message');
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return Number(BigInt.asIntN(64, value));
    }
    throw new Error('a number is too long');
  }

  double(wireType: number): number {
    if (wireType !== 1) throw new Error(`wire type ${wireType} where a number is due`);
    return this.#take(8).readDoubleLE();
  }

  bytes(wireType: number): Buffer {
    if (wireType !== 2) throw new Error(`wire type ${wireType} where bytes are due`);
    return this.#take(this.integer());
  }

  skip(wireType: number): void {
    if (wireType === 0) this.integer();
    else if (wireType === 1) this.#take(8);
    else if (wireType === 2) this.bytes(wireType);
    else if (wireType === 5) this.#take(4);
    else throw new Error(`wire type ${wireType} is not known`);
  }

  #take(length: number): Buffer {
    const end = this.#at + length;
    if (length < 0 || end > this.#bytes.length) throw new Error('unexpected end of the message');
    const taken = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return taken;
  }
}
