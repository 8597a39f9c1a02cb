import { describe, expect, test } from 'vitest';
import { InputError } from '../../artifacts/errors.ts';
import { classesOf, labelOf } from '../../inference/labels.ts';

const of = (...classes: string[]) => ({ conditional: true, classes });

describe('a class given as text', () => {
  test.each([
    ['3', of('1', '10', '3', 'a b'), 2],
    ['a b', of('1', '10', '3', 'a b'), 3],
    ['2', of('cat', 'dog', '2nd'), 2],
    ['7', of(), 7],
  ])('%j of %j', (text, generator, label) => {
    expect(labelOf(text, generator)).toBe(label);
  });

  test.each([
    ['2', of('1', '10', '3', 'a b'), 'label: "2" must be one of 1, 10, 3, a b'],
    ['0', of('-1', '1.5'), 'label: "0" must be one of -1, 1.5'],
    ['3', of('cat', 'dog', 'fox'), 'label: "3" must be one of cat, dog, fox, or a number from 0 to 2'],
    ['one', of(), 'label: "one" must be an integer >= 0'],
  ])('%j of %j is refused', (text, generator, message) => {
    expect(() => labelOf(text, generator)).toThrow(new InputError(message));
  });
});

test('the classes of samples are told by name, by number where they have none', () => {
  const labels = Int32Array.of(1, 0, 1);
  expect(classesOf(labels, of('1', '10'))).toEqual(['10', '1', '10']);
  expect(classesOf(labels, of())).toEqual([1, 0, 1]);
});
