import { stat } from 'node:fs/promises';
import { Command, Option } from 'commander';
import { exportRun } from '../training/export-run.ts';
import type { Weights } from '../training/export.ts';
import { integer } from './numbers.ts';

interface Flags {
  readonly weights?: Weights;
  readonly deterministic?: boolean;
  readonly fp16?: boolean;
  readonly checkpoint?: number;
  readonly out?: string;
  readonly json?: boolean;
}

export function exportCommand(): Command {
  return new Command('export')
    .description('write the networks of a run as ONNX, from one of its checkpoints')
    .argument('<run>', 'the folder of a run')
    .addOption(
      new Option(
        '--weights <kind>',
        'the running average of the weights, or the weights themselves (default: ema where the recipe keeps it)',
      ).choices(['ema', 'live']),
    )
    .option('--deterministic', 'without dropout and noise: a latent has one picture')
    .option(
      '--fp16',
      "store the generator's weights in half the space; computed with as float32, so every runtime loads it",
    )
    .option('--checkpoint <step>', 'its step (default: the newest)', integer('--checkpoint', 0))
    .option('--out <file>', 'a .onnx file for the generator alone (default: all networks, into the run)')
    .option('--json', 'print the result as JSON')
    .action(run);
}

async function run(path: string, { fp16 = false, json, ...flags }: Flags): Promise<void> {
  const { files, step } = await exportRun(path, { ...flags, half: fp16 });
  if (json) {
    process.stdout.write(`${JSON.stringify({ files, step })}\n`);
    return;
  }
  for (const file of files) {
    const { size } = await stat(file);
    process.stdout.write(`${file}: ${(size / 2 ** 20).toFixed(2)} MiB, of step ${step}\n`);
  }
}
