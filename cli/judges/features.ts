import { gather } from '../../training/data/batch.ts';
import type { Dataset } from '../../training/data/dataset.ts';
import { EpochSampler } from '../../training/data/sampler.ts';
import { featureStatistics, frechetDistance } from '../../training/metrics/frechet.ts';
import type { FeatureNetwork } from '../../training/metrics/feature-network.ts';
import { kernelDistance } from '../../training/metrics/kernel-distance.ts';
import type { Judge } from './judge.ts';

/**
 * Fréchet and kernel distance of images to as many of the data, or to all where it has fewer, in the features of a
 * network. With Inception's they are FID and KID.
 *
 * @param onProgress images whose features are known, and of how many
 */
export function featureJudge(
  network: FeatureNetwork,
  dataset: Dataset,
  samples: number,
  onProgress: (done: number, total: number) => void,
): Judge {
  return {
    samples,
    columns: [
      { name: 'frechetDistance', format: (value) => value.toFixed(3) },
      { name: 'kernelDistance', format: (value) => value.toFixed(5) },
      { name: 'kernelError', format: (value) => value.toFixed(5) },
    ],
    score: async (images) => {
      const chosen = new EpochSampler(dataset.count, 0).indices(0, Math.min(samples, dataset.count));
      const pixels = Float32Array.from(gather(dataset, chosen), (byte) => byte / 127.5 - 1);
      const total = samples + chosen.length;
      const real = await network.features(pixels, (done) => {
        onProgress(done, total);
      });
      const fake = await network.features(images, (done) => {
        onProgress(chosen.length + done, total);
      });
      const [a, b] = [fake, real].map(({ data, width }) => featureStatistics(data, width));
      const { value, error } = kernelDistance(fake, real);
      return { frechetDistance: frechetDistance(a!, b!), kernelDistance: value, kernelError: error };
    },
    dispose: () => network.dispose(),
  };
}
