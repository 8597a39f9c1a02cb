// Runs in browsers too: the few lines of protobuf that it takes to look into a model, where a library is 20 KB.

/** Bytes that are no protobuf message; the message says at which byte and why. */
export class MalformedError extends Error {}

/**
 * A field of a message: a number, or what stands under a length (a string, bytes, a message, packed numbers). Undefined
 * for eight- and four-byte values, which nobody reads.
 */
export type Field = readonly [number: number, value: number | Uint8Array | undefined];

/** The fields of a message in the order in which they stand. */
export function* fieldsOf(message: Uint8Array): Generator<Field> {
  const reader = new Reader(message);
  while (!reader.atEnd) {
    const start = reader.at;
    const key = reader.varint();
    const number = Math.floor(key / 8);
    if (number < 1) throw new MalformedError(`field number ${number} at byte ${start}`);
    switch (key % 8) {
      case 0:
        yield [number, reader.varint()];
        break;
      case 1:
        reader.take(8);
        yield [number, undefined];
        break;
      case 2:
        yield [number, reader.take(reader.varint())];
        break;
      case 5:
        reader.take(4);
        yield [number, undefined];
        break;
      default:
        throw new MalformedError(`wire type ${key % 8} at byte ${start}`);
    }
  }
}

/** Every value of fields `number` that is a message, or a string as bytes. */
export function* messagesOf(message: Uint8Array, number: number): Generator<Uint8Array> {
  for (const [field, value] of fieldsOf(message))
    if (field === number && typeof value === 'object') yield value;
}

/** The last value of field `number`, as protobuf has it. */
export function lastOf(message: Uint8Array, number: number): number | Uint8Array | undefined {
  let last: number | Uint8Array | undefined;
  for (const [field, value] of fieldsOf(message)) if (field === number && value !== undefined) last = value;
  return last;
}

export function textOf(value: number | Uint8Array | undefined): string {
  return typeof value === 'object' ? new TextDecoder().decode(value) : '';
}

class Reader {
  at = 0;
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get atEnd(): boolean {
    return this.at >= this.#bytes.length;
  }

  /** Negative numbers fill ten bytes. Those beyond 2^53 are rounded: no field that is read here has one. */
  varint(): number {
    const start = this.at;
    let value = 0;
    for (let i = 0; i < 10; i++) {
      const byte = this.#bytes[this.at++];
      if (byte === undefined) throw new MalformedError(`cut short in a number at byte ${start}`);
      value += (byte & 0x7f) * 2 ** (7 * i);
      if (byte < 0x80) return value >= 2 ** 63 ? value - 2 ** 64 : value;
    }
    throw new MalformedError(`number of more than ten bytes at byte ${start}`);
  }

  take(length: number): Uint8Array {
    const left = this.#bytes.length - this.at;
    if (!(length >= 0 && length <= left))
      throw new MalformedError(`field of ${length} bytes at byte ${this.at}, where ${left} are left`);
    this.at += length;
    return this.#bytes.subarray(this.at - length, this.at);
  }
}
