import { InputError } from '../../artifacts/errors.ts';
import { gather } from '../data/batch.ts';
import type { Dataset } from '../data/dataset.ts';
import { EpochSampler } from '../data/sampler.ts';
import { digitClasses, digitShape } from './digit-network.ts';

/** Indices into a data set of digits: two parts without a common one. */
export interface DigitSplit {
  readonly training: Int32Array;
  /** A fifth of the digits, at most 10,000. */
  readonly heldOut: Int32Array;
}

const largestHeldOut = 10_000;
const splitSeed = 31_415;

/** The same split of a data set every time, whatever else is random, so that held-out digits stay unseen. */
export function splitDigits({ count }: Dataset): DigitSplit {
  const order = new EpochSampler(count, splitSeed).indices(0, count);
  const heldOut = Math.min(Math.floor(count / 5), largestHeldOut);
  return { training: order.slice(heldOut), heldOut: order.slice(0, heldOut) };
}

/** @throws InputError for data that is no labelled 32 x 32 digits, enough of them to learn from and to hold out. */
export function checkDigits({ name, count, sampleShape, labels, classes, kind }: Dataset): void {
  const wanted = `expected grey 32 x 32 images with labels of ${digitClasses} classes`;
  if (kind !== 'images' || sampleShape.join() !== digitShape.join())
    throw new InputError(`${name}: ${kind} of shape [${sampleShape.join(', ')}]; ${wanted}`);
  if (!labels) throw new InputError(`${name}: no labels; ${wanted}`);
  if (classes.length !== digitClasses) throw new InputError(`${name}: ${classes.length} classes; ${wanted}`);
  if (count < 100) throw new InputError(`${name}: ${count} digits; expected 100 or more`);
}

/** The images at `indices`, float32 [n, 1, 32, 32] in [-1, 1], as a generator makes them. */
export function digitImages(dataset: Dataset, indices: Int32Array): Float32Array {
  return Float32Array.from(gather(dataset, indices), (byte) => byte / 127.5 - 1);
}
