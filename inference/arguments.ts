import { InputError } from '../artifacts/errors.ts';

// Runs in browsers too: no Node. What TypeScript keeps from a call, JavaScript lets through.

/** A value as messages repeat it: text in quotes, so that "4" is not taken for 4. */
export const told = (value: unknown): string =>
  typeof value === 'string' ? JSON.stringify(value) : String(value);

/** @throws InputError where options are given and are none. */
export function checkOptions(name: string, options: unknown): void {
  if (typeof options !== 'object' || options === null)
    throw new InputError(`${name} ${told(options)} must be an object`);
}

/** @throws InputError where a value is none of those that there are. */
export function checkChoice(name: string, value: unknown, choices: readonly string[]): void {
  if (!choices.includes(value as string))
    throw new InputError(
      `${name} ${told(value)} must be ${choices.slice(0, -1).join(', ')} or ${choices.at(-1)!}`,
    );
}
