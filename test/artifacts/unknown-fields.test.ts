import { describe, expect, test } from 'vitest';
import { InputError } from '../../artifacts/errors.ts';
import { readModelSummary } from '../../artifacts/onnx/summary.ts';
import { refuseUnknownFields } from '../../artifacts/onnx/unknown-fields.ts';

/** A field that holds bytes: a string or a message. */
const under = (field: number, ...bytes: readonly number[]) => [8 * field + 2, bytes.length, ...bytes];
const eightBytes = new Array<number>(8).fill(1);
const fourBytes = new Array<number>(4).fill(1);

const refuse = (bytes: readonly number[]) => {
  refuseUnknownFields(Uint8Array.from(bytes), 'm.onnx');
};
/** A model of one node with these fields. */
const node = (...fields: readonly number[]) => under(7, ...under(1, ...fields));

describe('a field that the codec would drop is named', () => {
  // Field 50, whose key takes two bytes: number and wire type.
  test.each([
    ['a number', [0x90, 0x03, 7], '50'],
    ['eight bytes', [0x91, 0x03, ...eightBytes], '50'],
    ['a message', [0x92, 0x03, 0], '50'],
    ['four bytes', [0x95, 0x03, ...fourBytes], '50'],
    ['one of a later ONNX', under(8, 0x78), 'overload'],
  ])('%s', (_, field, name) => {
    const message = `m.onnx: NodeProto has a field ${name}, which this ganx cannot carry; export with an IR version of at most 13 and without it`;
    expect(() => {
      refuse(node(...under(4, 0x78), ...field));
    }).toThrow(new InputError(message));
  });

  test('and no other', () => {
    // Attributes hold four-byte numbers, one (2) and many (7); notes (9) may be dropped.
    refuse(node(...under(5, 0x15, ...fourBytes, 0x3d, ...fourBytes), ...under(9, ...under(1, 0x78))));
  });
});

test('what ONNX has not at all is no ONNX model', () => {
  expect(() => {
    refuse(node(0x0b, 0x0c));
  }).toThrow(new InputError('m.onnx: not an ONNX model (wire type 3 at byte 0)'));
});

test('an extent is what stands in a dimension, whatever eight- or four-byte value stands there too', () => {
  const input = (...dimension: readonly number[]) =>
    under(11, ...under(1, 0x78), ...under(2, ...under(1, 0x08, 1, ...under(2, ...under(1, ...dimension)))));
  const extentOf = (...dimension: readonly number[]) => {
    const model = [0x08, 8, ...under(7, ...input(...dimension)), ...under(8, 0x10, 18)];
    return readModelSummary(Uint8Array.from(model), 'm.onnx').inputs[0]!.shape[0];
  };
  expect(extentOf(0x29, ...eightBytes, 0x08, 3)).toBe(3);
  expect(extentOf(0x2d, ...fourBytes, ...under(2, 0x4e))).toBe('N');
  expect(extentOf(0x29, ...eightBytes)).toBe('?');
});
