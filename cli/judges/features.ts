import { sizeOf } from '../../graph-builder/shape.ts';
import { gather } from '../../training/data/batch.ts';
import type { Dataset } from '../../training/data/dataset.ts';
import { EpochSampler } from '../../training/data/sampler.ts';
import { featureStatistics, frechetDistance, kernelDistance } from '../../training/metrics/index.ts';
import type { FeatureNetwork } from '../../training/metrics/index.ts';
import type { Judge } from './judge.ts';

/**
 * Fréchet and kernel distance of images to as many of the data, or to all where it has fewer, in the features of a
 * network. With Inception's they are FID and KID.
 *
 * @param onProgress is told what is under way, and whether that takes minutes; '' where nothing is
 */
export function featureJudge(
  network: FeatureNetwork,
  dataset: Dataset,
  samples: number,
  onProgress: (text: string, lasts?: boolean) => void,
  onWarning: (message: string) => void,
): Judge {
  const reference = Math.min(samples, dataset.count);
  return {
    reference,
    samples,
    columns: [
      { name: 'frechetDistance', format: (value) => value.toFixed(3) },
      { name: 'kernelDistance', format: (value) => value.toFixed(5) },
      { name: 'kernelError', format: (value) => value.toFixed(5) },
    ],
    score: async (images) => {
      const chosen = new EpochSampler(dataset.count, 0).indices(0, reference);
      const tell = (done: number) => {
        onProgress(`features of ${done} of ${reference + samples} images`);
      };
      const size = sizeOf(dataset.sampleShape);
      const real = await network.features(
        reference,
        (start, n) => {
          const bytes = gather(dataset, chosen.subarray(start, start + n));
          return new Float32Array(bytes).map((byte) => byte / 127.5 - 1);
        },
        tell,
      );
      const fake = await network.features(
        samples,
        (start, n) => images.subarray(start * size, (start + n) * size),
        (done) => {
          tell(reference + done);
        },
      );
      onProgress('');
      if (reference < fake.width)
        onWarning(
          `${reference} images for ${fake.width} features: the Fréchet distance is larger than that of more images`,
        );
      onProgress(`comparing ${fake.width} features`, fake.width > 1000);
      const [a, b] = [fake, real].map(({ data, width }) => featureStatistics(data, width));
      const distance = frechetDistance(a!, b!);
      const { value, error } = kernelDistance(fake, real);
      onProgress('');
      return { frechetDistance: distance, kernelDistance: value, kernelError: error };
    },
    dispose: () => network.dispose(),
  };
}
