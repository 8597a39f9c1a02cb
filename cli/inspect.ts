import { Command, Option } from 'commander';
import { InputError } from '../artifacts/errors.ts';
import { examine } from './examine.ts';
import { examinePlacement } from './examine-placement.ts';
import { examineProfile } from './examine-profile.ts';
import { integer } from './numbers.ts';
import { describe } from './report.ts';
import type { Report } from './report.ts';

interface Flags {
  readonly json?: true;
  readonly placement?: true;
  readonly profile?: true;
  readonly device?: string;
  readonly steps?: number;
}

const defaultSteps = 10;

export function inspectCommand(): Command {
  return new Command('inspect')
    .description('tell what a file or folder is and what it holds')
    .argument('<path>', 'an .onnx or .safetensors file, the folder of a run, or a checkpoint')
    .addOption(
      new Option(
        '--placement',
        'which provider computes the nodes of a model, or of the training step of a run',
      ).conflicts('profile'),
    )
    .option('--profile', 'where the time of a training step of a run goes')
    .option(
      '--device <name>',
      "with these two: cpu, cuda, cuda:<index> or webgpu (default: the run's, or cpu)",
    )
    .option(
      '--steps <n>',
      `with --profile: steps to measure (default: ${defaultSteps})`,
      integer('--steps', 1, 1000),
    )
    .option('--json', 'print everything as JSON')
    .action(async (path: string, flags: Flags) => {
      const report = await reportOf(path, flags);
      process.stdout.write(flags.json ? `${JSON.stringify(report.facts)}\n` : `${describe(path, report)}\n`);
    });
}

function reportOf(path: string, { placement, profile, device, steps }: Flags): Promise<Report> {
  if (steps !== undefined && !profile) throw new InputError('--steps: only with --profile');
  if (device !== undefined && !placement && !profile)
    throw new InputError('--device: only with --placement or --profile');
  if (placement) return examinePlacement(path, device);
  if (profile) return examineProfile(path, device, steps ?? defaultSteps);
  return examine(path);
}
