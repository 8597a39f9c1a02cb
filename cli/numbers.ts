import { InputError } from '../artifacts/errors.ts';

/** Parser of an option that takes an integer from `low` to `high`. */
export function integer(flag: string, low: number, high = Infinity): (text: string) => number {
  const rule = high === Infinity ? `an integer >= ${low}` : `an integer from ${low} to ${high}`;
  return (text) => {
    const value = /^[+-]?\d+$/.test(text) ? Number(text) : NaN;
    if (!(value >= low && value <= high && Number.isSafeInteger(value))) throw refused(flag, text, rule);
    return value;
  };
}

/** Parser of an option that takes a number > 0. */
export function positive(flag: string): (text: string) => number {
  return (text) => {
    const value = text.trim() === '' ? NaN : Number(text);
    if (!(value > 0 && value < Infinity)) throw refused(flag, text, 'a number > 0');
    return value;
  };
}

/** Parser of an option that takes a number from 0 to `high`. */
export function notNegative(flag: string, high: number): (text: string) => number {
  return (text) => {
    const value = text.trim() === '' ? NaN : Number(text);
    if (!(value >= 0 && value <= high)) throw refused(flag, text, `a number from 0 to ${high}`);
    return value;
  };
}

/** Parser of `--seed` and its like: int32. */
export const seed = (flag: string) => integer(flag, -(2 ** 31), 2 ** 31 - 1);

const refused = (flag: string, text: string, rule: string) =>
  new InputError(`${flag}: ${JSON.stringify(text)} must be ${rule}`);
