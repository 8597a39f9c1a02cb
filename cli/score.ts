import { availableParallelism } from 'node:os';
import type { Command } from 'commander';
import { deviceNamed } from '../artifacts/device.ts';
import { InputError } from '../artifacts/errors.ts';
import { formatShape } from '../graph-builder/shape.ts';
import { maxSamples } from '../inference/generator.ts';
import type { Generator } from '../inference/node.ts';
import { openDataset } from '../training/data/dataset.ts';
import type { Dataset } from '../training/data/dataset.ts';
import { mixtures } from '../training/data/mixtures.ts';
import { digitShape, FeatureNetwork } from '../training/metrics/index.ts';
import { addDeviceOptions, generatorCommand, withGenerator } from './generator-options.ts';
import type { GeneratorFlags } from './generator-options.ts';
import { judgeOf } from './judges/built-in.ts';
import { featureJudge } from './judges/features.ts';
import type { Judge } from './judges/judge.ts';
import { integer, seed } from './numbers.ts';
import { underWay } from './under-way.ts';

interface Flags extends Omit<GeneratorFlags, 'label'> {
  readonly features?: string;
  readonly n?: number;
  readonly seed: number;
}

/** Samples that are compared in a space of features, where the data has as many: what papers on small images take. */
const usualSamples = 10_000;

export function scoreCommand(): Command {
  const command = generatorCommand('score', 'tell how near the samples of a generator are to data')
    .argument(
      '<data>',
      'data as `ganx train` takes it: digits, ring8, grid25, a folder, an archive or an IDX file',
    )
    .option(
      '--features <file>',
      'ONNX network, images in [-1, 1] to features, for other data than the built-in',
    )
    .option(
      '-n, --n <count>',
      `number of samples (default: 2000 digits, 2500 points; with --features as many as the data has, up to ${usualSamples})`,
      integer('-n', 2, maxSamples),
    )
    .option('--seed <n>', 'seed of latents, noise and dropout', seed('--seed'), 0);
  return addDeviceOptions(command).action(run);
}

async function run(path: string, data: string, flags: Flags): Promise<void> {
  await withGenerator(path, flags, async (generator) => {
    const { metadata } = generator;
    const dataset = await dataFor(generator, data);
    const judge = await judgeFor(dataset, flags);
    try {
      const n = flags.n ?? judge.samples;
      const { data: samples } = await generator.sample(n, { seed: flags.seed });
      const scores = await judge.score(samples);
      const figures = judge.columns.flatMap(({ name, format }) =>
        Number.isNaN(scores[name]) ? [] : [`${name} ${format(scores[name]!)}`],
      );
      const { reference } = judge;
      process.stdout.write(
        flags.json
          ? `${JSON.stringify({ samples: n, data, reference, seed: flags.seed, scores, recipe: metadata.recipe, steps: metadata.steps })}\n`
          : `${n} samples of ${path}, step ${metadata.steps}, beside ${reference} of ${data}: ${figures.join(', ')}\n`,
      );
    } finally {
      await judge.dispose();
    }
  });
}

/** The data in the shape that the generator draws. */
async function dataFor({ metadata: { kind, shape } }: Generator, data: string): Promise<Dataset> {
  const [channels, size] = shape;
  const dataset = await openDataset(data, {
    size: kind === 'images' ? size! : 32,
    channels: kind === 'images' && (channels === 1 || channels === 3) ? channels : 'auto',
  });
  if (formatShape(dataset.sampleShape) !== formatShape(shape))
    throw new InputError(
      `${data}: has ${dataset.kind} ${formatShape(dataset.sampleShape)}, the generator draws ${kind} ${formatShape(shape)}`,
    );
  const { skipped, count } = dataset;
  if (skipped.length)
    warn(`${data}: ${skipped.length} skipped, such as ${skipped[0]!.file}: ${skipped[0]!.reason}`);
  if (count < 2) throw new InputError(`${data}: has a single sample, must have 2 or more`);
  return dataset;
}

async function judgeFor(dataset: Dataset, { features, n, device, threads }: Flags): Promise<Judge> {
  if (features === undefined) {
    const isDigits =
      dataset.name === 'digits' && formatShape(dataset.sampleShape) === formatShape(digitShape);
    if (mixtures.has(dataset.name) || isDigits) return judgeOf(dataset, { onProgress: underWay() });
    throw new InputError(
      `--features: there is no judge of ${dataset.name} ${formatShape(dataset.sampleShape)}, only of digits ${formatShape(digitShape)}, ring8 and grid25; give an ONNX network such as Inception's (docs/scores.md)`,
    );
  }
  if (dataset.kind !== 'images')
    throw new InputError(
      `--features: ${dataset.name} has points, which are compared as they are; leave it out`,
    );
  const network = await FeatureNetwork.load(
    features,
    dataset.sampleShape,
    deviceNamed(device)!,
    threads ?? availableParallelism(),
  );
  return featureJudge(network, dataset, n ?? Math.min(usualSamples, dataset.count), underWay(), warn);
}

const warn = (message: string) => {
  process.stderr.write(`warning: ${message}\n`);
};
