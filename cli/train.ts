import { Command } from 'commander';
import { train } from '../training/train.ts';
import { limits } from '../training/options.ts';
import type { TrainOptions } from '../training/options.ts';
import { collect } from './import.ts';
import { integer, positive } from './numbers.ts';
import { goOnWithoutReader } from './output.ts';
import { stopSignal } from './stop-signal.ts';
import { reporter } from './train-progress.ts';

/** Exit codes of a run, by how it ended. */
const exitCodes = { done: 0, stopped: 130, diverged: 3 } as const;

type Flags = Omit<TrainOptions, 'data' | 'onEvent' | 'signal'> & { readonly json?: boolean };

export function trainCommand(): Command {
  return new Command('train')
    .description('train a GAN and export its generator')
    .argument(
      '[data]',
      'IDX file or folder, folder or tar of images, ring8 or grid25; default: digits that ship with ganx',
    )
    .option('--recipe <name|file>', 'preset (dcgan, mlp, finetune ...) or recipe file')
    .option('--generator <file>', 'train on the generator of an ONNX file')
    .option('--discriminator <file>', 'train on the discriminator of an ONNX file')
    .option(
      '--freeze <pattern>',
      'tensors of imported networks that are not trained; may be repeated',
      collect,
    )
    .option('--set <path=value>', 'change a setting of the recipe; may be repeated', collect)
    .option('--out <dir>', 'run folder (default: runs/<data>-<recipe>)')
    .option(
      '--steps <n>',
      'steps to train (default: 2000, or until the learning rates have decayed)',
      integer('--steps', ...limits.steps),
    )
    .option('--epochs <n>', 'passes over the data to train', positive('--epochs'))
    .option('--minutes <m>', 'time to train', positive('--minutes'))
    .option('--batch <n>', 'samples a step (default: as in the recipe)', integer('--batch', ...limits.batch))
    .option(
      '--size <pixels>',
      'side of the images: 16, 32, 64 or 128; mlp: any (default: 32)',
      integer('--size', ...limits.size),
    )
    .option('--device <name>', 'auto, cpu, cuda, cuda:<index> or webgpu (default: auto)')
    .option(
      '--threads <n>',
      'threads of onnxruntime (default: all cores)',
      integer('--threads', ...limits.threads),
    )
    .option('--autotune', 'measure how this training runs fastest here, and train like that')
    .option('--seed <n>', 'seed of everything random (default: 0)', integer('--seed', ...limits.seed))
    .option(
      '--sample-every <steps>',
      'steps between sample grids, 0 = only the last (default: 250)',
      integer('--sample-every', ...limits.sampleEvery),
    )
    .option(
      '--checkpoint-every <steps>',
      'steps between checkpoints, 0 = only the last (default: 1000)',
      integer('--checkpoint-every', ...limits.checkpointEvery),
    )
    .option(
      '--on-diverge <stop|rollback>',
      'when training diverges: stop, or go back to the last good state and halve the learning rates (default: stop)',
    )
    .option('--resume', 'go on with the run in --out')
    .option('--json', 'one JSON event a line instead of progress')
    .action(async (data: string | undefined, { json = false, ...flags }: Flags) => {
      goOnWithoutReader();
      const { outcome } = await train({
        ...flags,
        data,
        signal: stopSignal(),
        onEvent: reporter(json, flags.minutes),
      });
      process.exitCode ??= exitCodes[outcome];
    });
}
