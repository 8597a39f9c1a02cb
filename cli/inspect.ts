import { Command } from 'commander';
import { examine } from './examine.ts';
import type { Report, Row } from './report.ts';

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

function describe(path: string, { what, rows }: Report): string {
  const width = Math.max(...rows.map(([name]) => name.length));
  const line = ([name, value]: Row) => {
    const lines = Array.isArray(value) ? value : [value];
    return lines.map((text, i) => `  ${(i ? '' : name).padEnd(width)}  ${text}`);
  };
  return [`${path}: ${what}`, ...rows.flatMap(line)].join('\n');
}
