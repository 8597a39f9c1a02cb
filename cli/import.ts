import { Command } from 'commander';
import { examineForeign } from './examine-foreign.ts';
import { describe } from './report.ts';

export function importCommand(): Command {
  return new Command('import')
    .description('tell whether an ONNX model of another program can be trained here, and what of it')
    .argument('<model>', 'an .onnx file, with its .data file beside it where it has one')
    .option('--freeze <pattern>', 'count tensors of these names as frozen; may be repeated', collect)
    .option('--json', 'print everything as JSON')
    .action(async (path: string, { json, freeze = [] }: { json?: true; freeze?: string[] }) => {
      const report = await examineForeign(path, freeze);
      process.stdout.write(json ? `${JSON.stringify(report.facts)}\n` : `${describe(path, report)}\n`);
    });
}

export const collect = (value: string, all: string[] = []): string[] => [...all, value];
