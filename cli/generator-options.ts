import { Command, Option } from 'commander';
import { loadQuietRuntime } from '../artifacts/onnxruntime-node.ts';
import { Generator } from '../inference/node.ts';
import type { Device, LoadSettings } from '../inference/node.ts';
import { integer } from './numbers.ts';

/** Options of every command that runs a generator. */
export interface GeneratorFlags {
  readonly label?: string;
  readonly device: Device;
  readonly threads?: number;
  readonly json?: true;
}

/** A command that takes a generator, its options still to come. */
export function generatorCommand(name: string, description: string): Command {
  return new Command(name)
    .description(description)
    .argument('<generator>', 'generator.onnx, or the folder of a run');
}

/** Adds the options that commands which draw samples share, after their own. */
export const addGeneratorOptions = (command: Command): Command =>
  addDeviceOptions(
    command.option('--label <class>', 'name of the class, or its number where no class is named by one'),
  );

/** Those of every such command. */
export function addDeviceOptions(command: Command): Command {
  return command
    .addOption(new Option('--device <name>', 'cpu, cuda, cuda:<index> or webgpu').default('cpu'))
    .option('--threads <n>', 'threads of onnxruntime (default: all cores)', integer('--threads', 1, 1024))
    .option('--json', 'print the result as JSON');
}

/** Loads a generator, uses it, lets it go. */
export async function withGenerator<T>(
  path: string,
  { device, threads }: GeneratorFlags,
  use: (generator: Generator) => Promise<T>,
  more: LoadSettings = {},
): Promise<T> {
  // The generator runs on what is loaded here, so that its log is off too.
  await loadQuietRuntime();
  const generator = await Generator.load(path, {
    device,
    ...(threads !== undefined && { threads }),
    ...more,
  });
  try {
    return await use(generator);
  } finally {
    await generator.dispose();
  }
}
