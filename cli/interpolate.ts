import { Option } from 'commander';
import type { Command } from 'commander';
import { maxSamples } from '../inference/generator.ts';
import { classesOf, labelOf } from '../inference/labels.ts';
import { addGeneratorOptions, generatorCommand, withGenerator } from './generator-options.ts';
import type { GeneratorFlags } from './generator-options.ts';
import { integer, seed } from './numbers.ts';
import { describePictures, pictureOutput, writePictures } from './picture-output.ts';

/** Up to here the frames are one row. */
const longestRow = 16;

interface Flags extends GeneratorFlags {
  readonly fromSeed: number;
  readonly toSeed: number;
  readonly frames: number;
  readonly path: 'great-circle' | 'line';
  readonly seed: number;
  readonly out: string;
}

export function interpolateCommand(): Command {
  const command = generatorCommand('interpolate', 'walk between two latents, as PNG')
    .option('--from-seed <n>', 'seed of the first latent', seed('--from-seed'), 0)
    .option('--to-seed <n>', 'seed of the last latent', seed('--to-seed'), 1)
    .option('--frames <n>', 'number of frames, both ends included', integer('--frames', 2, maxSamples), 8)
    .addOption(
      new Option('--path <path>', 'the great circle, or a straight line for comparison')
        .choices(['great-circle', 'line'])
        .default('great-circle'),
    )
    .option('--seed <n>', 'seed of noise and dropout, the same in all frames', seed('--seed'), 0)
    .option('--out <file|dir>', 'a .png with all, or a folder for single files', 'interpolation.png');
  return addGeneratorOptions(command).action(run);
}

async function run(path: string, flags: Flags): Promise<void> {
  const { fromSeed, toSeed, frames } = flags;
  await withGenerator(path, flags, async (generator) => {
    const { metadata } = generator;
    const output = await pictureOutput(flags.out, metadata.kind);
    const samples = await generator.interpolate(fromSeed, toSeed, frames, {
      seed: flags.seed,
      path: flags.path,
      ...(flags.label !== undefined && { label: labelOf(flags.label, metadata, '--label') }),
    });
    const columns = frames <= longestRow ? frames : undefined;
    const files = await writePictures(output, generator, samples, columns);
    const drawn = samples.labels && { classes: classesOf(samples.labels, metadata) };
    process.stdout.write(
      flags.json
        ? `${JSON.stringify({ files, shape: samples.shape, fromSeed, toSeed, seed: flags.seed, ...drawn })}\n`
        : `${describePictures(files, samples)}, from seed ${fromSeed} to seed ${toSeed}\n`,
    );
  });
}
