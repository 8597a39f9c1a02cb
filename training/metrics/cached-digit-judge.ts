import { InputError } from '../../artifacts/errors.ts';
import { readBytes, writeFileAtomic } from '../../artifacts/files.ts';
import type { Dataset } from '../data/dataset.ts';
import { DigitJudge } from './digit-judge.ts';
import { digitsSha256, digitTrainingSettings, trainDigitClassifier } from './train-digit-classifier.ts';
import type { DigitTrainingOptions } from './train-digit-classifier.ts';

/**
 * The judge kept in a file, or where there is none of the same data, seed and steps, a new one that is then kept there.
 *
 * @param path a safetensors file in a folder that exists
 * @throws InputError where a judge must be trained and the data is not labelled digits, or the file cannot be written
 */
export async function cachedDigitJudge(
  path: string,
  dataset: Dataset,
  options: DigitTrainingOptions = {},
): Promise<DigitJudge> {
  const { seed, steps, threads } = digitTrainingSettings(dataset, options);
  const kept = await keptJudge(path, threads);
  if (kept) {
    const { record } = kept;
    if (record.seed === seed && record.steps === steps && record.dataSha256 === digitsSha256(dataset))
      return kept;
    await kept.dispose();
  }
  const judge = await trainDigitClassifier(dataset, options);
  await writeFileAtomic(path, judge.encode());
  return judge;
}

/** A cache that is not there or cannot be read is as good as none. */
async function keptJudge(path: string, threads: number): Promise<DigitJudge | undefined> {
  try {
    return await DigitJudge.decode(await readBytes(path), path, threads);
  } catch (error) {
    if (error instanceof InputError) return undefined;
    throw error;
  }
}
