import { InputError } from '../artifacts/errors.ts';
import type { GeneratorMetadata } from '../artifacts/metadata.ts';

// Runs in browsers too: no Node.

/**
 * A class given as text, as its number: the name of one, or a number from 0 on where no name is a number itself.
 * Where one is, a number that is none of the names would draw a class of another number.
 *
 * @param what what messages call it
 * @throws InputError for a name or number that the generator does not have.
 */
export function labelOf(
  text: string,
  { conditional, classes }: Pick<GeneratorMetadata, 'conditional' | 'classes'>,
  what = 'label',
): number {
  if (!conditional)
    throw new InputError(`${what}: ${JSON.stringify(text)} is given, but this generator has no classes`);
  const named = classes.indexOf(text);
  if (named >= 0) return named;
  const numbered = classes.some((name) => Number.isFinite(Number(name)));
  const number = /^\d+$/.test(text) && !numbered ? Number(text) : NaN;
  if (number < (classes.length || Infinity)) return number;
  throw new InputError(
    classes.length
      ? `${what}: ${JSON.stringify(text)} must be one of ${listed(classes)}${numbered ? '' : `, or a number from 0 to ${classes.length - 1}`}`
      : `${what}: ${JSON.stringify(text)} must be an integer >= 0`,
  );
}

/** The names of classes, of many the first ones. */
export const listed = (classes: readonly string[]): string =>
  (classes.length > 10 ? [...classes.slice(0, 10), '...'] : classes).join(', ');

/** The classes of samples by name, by number where they have no names. */
export const classesOf = (
  labels: Int32Array,
  { classes }: Pick<GeneratorMetadata, 'classes'>,
): (string | number)[] => Array.from(labels, (label) => classes[label] ?? label);
