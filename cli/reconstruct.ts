import { InputError } from '../artifacts/errors.ts';
import type { Command } from 'commander';
import { maxSamples } from '../inference/generator.ts';
import { openDataset } from '../training/data/dataset.ts';
import { addGeneratorOptions, generatorCommand, withGenerator } from './generator-options.ts';
import type { GeneratorFlags } from './generator-options.ts';
import { integer, seed } from './numbers.ts';
import { describePictures, pictureOutput, writePictures } from './picture-output.ts';

interface Flags extends GeneratorFlags {
  readonly n: number;
  readonly seed: number;
  readonly encoder?: string;
  readonly out: string;
}

export function reconstructCommand(): Command {
  const command = generatorCommand(
    'reconstruct',
    'encode images and draw them again: originals above, results below',
  )
    .argument('[data]', 'images as for train; default: digits that ship with ganx')
    .option(
      '-n, --n <count>',
      'number of images, evenly spread over the data',
      integer('-n', 1, maxSamples),
      16,
    )
    .option('--encoder <file>', 'encoder.onnx (default: the one in the folder of the run)')
    .option('--seed <n>', 'seed of noise and dropout', seed('--seed'), 0)
    .option('--out <file|dir>', 'a .png with all, or a folder for single files', 'reconstruction.png');
  return addGeneratorOptions(command).action(run);
}

async function run(path: string, data: string | undefined, flags: Flags): Promise<void> {
  const settings = flags.encoder === undefined ? {} : { encoder: flags.encoder };
  await withGenerator(
    path,
    flags,
    async (generator) => {
      const { kind, shape } = generator.metadata;
      if (kind !== 'images') throw new InputError(`${path}: makes ${kind}; only images can be reconstructed`);
      const output = await pictureOutput(flags.out, kind);
      const [channels, size] = shape as [1 | 3, number, number];
      const dataset = await openDataset(data, { size, channels });
      if (dataset.kind !== 'images') throw new InputError(`${dataset.name}: holds points; give images`);
      const count = Math.min(flags.n, dataset.count);
      const pixels = dataset.data.length / dataset.count;
      const originals = new Float32Array(count * pixels);
      for (let i = 0; i < count; i++) {
        const start = Math.floor((i * dataset.count) / count) * pixels;
        originals.set(
          Float32Array.from(dataset.data.subarray(start, start + pixels), (byte) => byte / 127.5 - 1),
          i * pixels,
        );
      }
      const results = await generator.reconstruct(originals, { seed: flags.seed });
      const both = new Float32Array(2 * originals.length);
      both.set(originals);
      both.set(results.data, originals.length);
      const pictures = { ...results, data: both, shape: [2 * count, ...shape] };
      const files = await writePictures(output, generator, pictures, count);
      const error =
        results.data.reduce((sum, value, i) => sum + (value - originals[i]!) ** 2, 0) / originals.length;
      process.stdout.write(
        flags.json
          ? `${JSON.stringify({ files, count, meanSquaredError: error })}\n`
          : `${describePictures(files, pictures)}: ${count} originals and their reconstructions, mean squared error ${error.toFixed(4)}\n`,
      );
    },
    settings,
  );
}
