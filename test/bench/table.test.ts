import { describe, expect, it } from 'vitest';
import { precise, table } from '../../bench/table.ts';

describe('a table', () => {
  it('aligns its first column left and figures right, unless told otherwise', () => {
    expect(table(['a', 'b'], [['long', '1']])).toBe('a     b\nlong  1');
    expect(table(['a', 'bb'], [['1', 'x']], ['bb'])).toBe('a  bb\n1  x');
  });
});

describe('numbers', () => {
  it.each([
    [0.1234, '0.123'],
    [1.2345, '1.234'],
    [16.04, '16.04'],
    [123.45, '123.5'],
    [12345, '12345'],
  ])('%d is written %s', (value, text) => {
    expect(precise(value)).toBe(text);
  });
});
