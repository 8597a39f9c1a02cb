import { expect, test } from 'vitest';
import { product, quotient } from '../../graph-builder/shape.ts';

test('a product of extents has one spelling', () => {
  expect(product([])).toBe(1);
  expect(product([2, 3])).toBe(6);
  expect(product(['N'])).toBe('N');
  expect(product([4, 'N', 1, 2])).toBe('8*N');
  expect(product(['2*N', 'M', 3])).toBe('6*M*N');
  expect(product(['N', 0])).toBe(0);
});

test('a quotient is one only where it holds whatever the symbols stand for', () => {
  expect(quotient(6, 2)).toBe(3);
  expect(quotient('8*N', 2)).toBe('4*N');
  expect(quotient('8*N', 'N')).toBe(8);
  expect(quotient('8*M*N', '4*N')).toBe('2*M');
  expect(quotient('N', 'N')).toBe(1);
  expect(quotient(7, 2)).toBeUndefined();
  expect(quotient('3*N', 2)).toBeUndefined();
  expect(quotient(8, 'N')).toBeUndefined();
});
