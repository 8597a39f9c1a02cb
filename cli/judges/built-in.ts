import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { makeFolder } from '../../artifacts/files.ts';
import { ganxVersion } from '../../artifacts/version.ts';
import { cacheFolder } from '../../training/cache-folder.ts';
import type { Dataset } from '../../training/data/dataset.ts';
import { mixtures } from '../../training/data/mixtures.ts';
import {
  cachedDigitJudge,
  digitReference,
  mixtureSamples,
  scoreDigits,
  scoreMixture,
} from '../../training/metrics/index.ts';
import type { Judge } from './judge.ts';

const percent = (value: number) => `${(100 * value).toFixed(1)} %`;
const decimals = (digits: number) => (value: number) => value.toFixed(digits);

export interface JudgeOptions {
  /** Rejects with its reason while the classifier is trained. */
  readonly signal?: AbortSignal | undefined;
  /** Is told how far that is; '' where it is done. */
  readonly onProgress?: (text: string) => void;
}

/**
 * A mixture by PacGAN's figures and the spread within its modes, digits by a classifier that is trained once and kept in
 * the user's cache folder.
 */
export async function judgeOf(
  dataset: Dataset,
  { signal, onProgress = () => undefined }: JudgeOptions = {},
): Promise<Judge> {
  const mixture = mixtures.get(dataset.name);
  if (mixture)
    return {
      reference: dataset.count,
      samples: mixtureSamples,
      columns: [
        { name: 'modes', format: decimals(1) },
        { name: 'highQuality', format: percent },
        { name: 'reverseKl', format: decimals(3) },
        { name: 'spread', format: decimals(2) },
      ],
      score: (points) => {
        const { modes, highQuality, reverseKl, spread } = scoreMixture(points, mixture);
        return Promise.resolve({ modes, highQuality, reverseKl, spread });
      },
      dispose: () => Promise.resolve(),
    };
  const folder = cacheFolder();
  await makeFolder(folder);
  const judge = await cachedDigitJudge(join(folder, `digit-judge-${ganxVersion}.safetensors`), dataset, {
    threads: Math.min(2, availableParallelism()),
    ...(signal && { signal }),
    onProgress: (done, total) => {
      onProgress(
        done < total ? `training the judge of digits, once on this machine: step ${done} of ${total}` : '',
      );
    },
  });
  const reference = await digitReference(judge, dataset);
  return {
    reference: reference.samples,
    samples: 2000,
    columns: [
      { name: 'frechetDistance', format: decimals(1) },
      { name: 'inceptionScore', format: decimals(2) },
      { name: 'classesPresent', format: decimals(1) },
      { name: 'largestShare', format: percent },
      { name: 'confident', format: percent },
    ],
    score: async (images) => {
      // A generator that has diverged has no picture to judge.
      if (!images.every(Number.isFinite))
        return {
          frechetDistance: NaN,
          inceptionScore: NaN,
          classesPresent: NaN,
          largestShare: NaN,
          confident: NaN,
        };
      const scores = await scoreDigits(judge, images, reference);
      const { frechetDistance, inceptionScore, classesPresent, largestShare, confident } = scores;
      return { frechetDistance, inceptionScore, classesPresent, largestShare, confident };
    },
    dispose: () => judge.dispose(),
  };
}
