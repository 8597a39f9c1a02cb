import type { Command } from 'commander';
import { maxSamples } from '../inference/generator.ts';
import { classesOf, labelOf } from '../inference/labels.ts';
import { addGeneratorOptions, generatorCommand, withGenerator } from './generator-options.ts';
import type { GeneratorFlags } from './generator-options.ts';
import { integer, positive, seed } from './numbers.ts';
import { describePictures, pictureOutput, writePictures } from './picture-output.ts';

interface Flags extends GeneratorFlags {
  readonly n: number;
  readonly seed: number;
  readonly truncation?: number;
  readonly out: string;
}

export function sampleCommand(): Command {
  const command = generatorCommand('sample', 'draw samples from a generator as PNG')
    .option('-n, --n <count>', 'number of samples', integer('-n', 1, maxSamples), 64)
    .option('--seed <n>', 'seed of latents, noise and dropout', seed('--seed'), 0)
    .option(
      '--truncation <limit>',
      'cut the latents off at this many standard deviations: more typical, less varied (default: none)',
      positive('--truncation'),
    )
    .option('--out <file|dir>', 'a .png with all, or a folder for single files', 'samples.png');
  return addGeneratorOptions(command).action(run);
}

async function run(path: string, flags: Flags): Promise<void> {
  await withGenerator(path, flags, async (generator) => {
    const { metadata } = generator;
    const output = await pictureOutput(flags.out, metadata.kind);
    const samples = await generator.sample(flags.n, {
      seed: flags.seed,
      ...(flags.label !== undefined && { label: labelOf(flags.label, metadata, '--label') }),
      ...(flags.truncation !== undefined && { truncation: flags.truncation }),
    });
    const files = await writePictures(output, generator, samples);
    const drawn = samples.labels && { classes: classesOf(samples.labels, metadata) };
    process.stdout.write(
      flags.json
        ? `${JSON.stringify({ files, shape: samples.shape, seed: flags.seed, ...drawn, recipe: metadata.recipe, steps: metadata.steps })}\n`
        : `${describePictures(files, samples)}, seed ${flags.seed}\n`,
    );
  });
}
