import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import { Command, Option } from 'commander';
import { InputError } from '../artifacts/errors.ts';
import { runAblation } from './ablation/ablation.ts';
import { collect } from './import.ts';
import { integer } from './numbers.ts';
import { goOnWithoutReader } from './output.ts';
import { stopSignal } from './stop-signal.ts';

interface Flags {
  readonly data: 'ring8' | 'grid25' | 'digits';
  readonly set?: readonly string[];
  readonly seeds: number;
  readonly steps: number;
  readonly threads: number;
  readonly jobs: number;
  readonly out?: string;
  readonly only?: string;
}

export function benchCommand(): Command {
  const techniques = new Command('techniques')
    .description(
      'train the recommended recipe, it without each of its techniques, its networks alone, everything on, everything off, everything but each and each alone, and compare',
    )
    .addOption(
      new Option('--data <name>', 'what is learnt').choices(['ring8', 'grid25', 'digits']).default('ring8'),
    )
    .option('--set <path=value>', 'change a setting of the recommended recipe; may be repeated', collect)
    .option('--seeds <n>', 'trainings of each', integer('--seeds', 1, 1000), 1)
    .option('--steps <n>', 'steps of each training', integer('--steps', 1), 2000)
    .option('--threads <n>', 'threads of onnxruntime', integer('--threads', 1, 1024), availableParallelism())
    .option('--jobs <n>', 'trainings at the same time', integer('--jobs', 1, 1024), 1)
    .option('--only <names>', 'only what has one of these in its name, separated by commas')
    .option(
      '--out <dir>',
      'folder of the results; what is there is not trained again (default: ablation-<data>)',
    )
    .action(async ({ only, out, ...flags }: Flags) => {
      goOnWithoutReader();
      const signal = stopSignal();
      const folder = out ?? `ablation-${flags.data}`;
      if (resolve(folder) === resolve(flags.data))
        throw new InputError(
          `--out: a folder ${folder} would be taken for the data of that name; choose another`,
        );
      const { table, files } = await runAblation({
        ...flags,
        out: folder,
        ...(only === undefined ? {} : { only: only.split(',').map((part) => part.trim()) }),
        signal,
        onRun: ({ cell, seed, seconds, outcome, scores }, done, total) => {
          const figures = Object.entries(scores).map(([name, value]) => `${name} ${value.toPrecision(4)}`);
          process.stdout.write(
            `${done}/${total} ${cell}, seed ${seed}: ${figures.join(', ')} (${outcome}, ${seconds} s)\n`,
          );
        },
      }).catch((error: unknown) => {
        if (error !== signal.reason) throw error;
        return { table: '', files: [] };
      });
      process.stdout.write(
        files.length
          ? `${table}\nwritten to ${files.join(' and ')}\n`
          : 'nothing is written: no training has come to its end\n',
      );
      if (signal.aborted) process.exitCode = 130;
    });
  return new Command('bench').description('measure what is worth what').addCommand(techniques);
}
