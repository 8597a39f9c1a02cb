import { InputError } from '../artifacts/errors.ts';

// Runs in browsers too: no Node. What TypeScript keeps from a call, JavaScript lets through.

/** A value as messages repeat it: text in quotes, so that "4" is not taken for 4. */
export const told = (value: unknown): string =>
  typeof value === 'string' ? JSON.stringify(value) : String(value);

/** The names of all options of a type: TypeScript names one that is missing. */
export type Names<Options> = Readonly<Record<keyof Options, true>>;

/** @throws InputError where options are none, or one of them is unknown. */
export function checkOptions<Options>(name: string, options: Options, known: Names<NoInfer<Options>>): void {
  if (typeof options !== 'object' || options === null)
    throw new InputError(`${name} ${told(options)} must be an object`);
  const unknown = Object.keys(options).find((key) => !Object.hasOwn(known, key));
  if (unknown !== undefined)
    throw new InputError(`${name}: ${unknown} is unknown; expected one of ${Object.keys(known).join(', ')}`);
}

/** @throws InputError where a value is no integer of a range. */
export function checkInteger(name: string, value: unknown, least: number, most: number): void {
  if (!(Number.isInteger(value) && (value as number) >= least && (value as number) <= most))
    throw new InputError(`${name} ${told(value)} must be an integer from ${least} to ${most}`);
}

export function checkSeed(name: string, seed: unknown): void {
  checkInteger(name, seed, -(2 ** 31), 2 ** 31 - 1);
}

export function checkTruncation(name: string, truncation: unknown): void {
  if (!(typeof truncation === 'number' && truncation > 0))
    throw new InputError(`${name} ${told(truncation)} must be a number > 0`);
}

/** @throws InputError where a value is none of those that there are. */
export function checkChoice(name: string, value: unknown, choices: readonly string[]): void {
  if (!choices.includes(value as string))
    throw new InputError(
      `${name} ${told(value)} must be ${choices.slice(0, -1).join(', ')} or ${choices.at(-1)!}`,
    );
}
