import { Command } from 'commander';
import { examine } from './examine.ts';
import { describe } from './report.ts';

export function inspectCommand(): Command {
  return new Command('inspect')
    .description('tell what a file or folder is and what it holds')
    .argument('<path>', 'an .onnx or .safetensors file, the folder of a run, or a checkpoint')
    .option('--json', 'print everything as JSON')
    .action(async (path: string, { json }: { json?: true }) => {
      const report = await examine(path);
      process.stdout.write(json ? `${JSON.stringify(report.facts)}\n` : `${describe(path, report)}\n`);
    });
}
