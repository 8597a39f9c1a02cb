#!/usr/bin/env node
import { Command, CommanderError } from 'commander';
import { ganxVersion } from '../artifacts/version.ts';
import { report } from './errors.ts';
import { watchOutput } from './output.ts';

const commands: Readonly<Record<string, () => Promise<Command>>> = {
  train: async () => (await import('./train.ts')).trainCommand(),
  sample: async () => (await import('./sample.ts')).sampleCommand(),
  reconstruct: async () => (await import('./reconstruct.ts')).reconstructCommand(),
  interpolate: async () => (await import('./interpolate.ts')).interpolateCommand(),
  score: async () => (await import('./score.ts')).scoreCommand(),
  export: async () => (await import('./export.ts')).exportCommand(),
  serve: async () => (await import('./serve.ts')).serveCommand(),
  inspect: async () => (await import('./inspect.ts')).inspectCommand(),
  import: async () => (await import('./import.ts')).importCommand(),
  bench: async () => (await import('./bench.ts')).benchCommand(),
  'install-cuda': async () => (await import('./install-cuda.ts')).installCudaCommand(),
  doctor: async () => (await import('./doctor.ts')).doctorCommand(),
};

const program = new Command('ganx')
  .description('Train GANs on ONNX Runtime and use their generators.')
  .version(ganxVersion)
  .exitOverride()
  // Usage errors are reported with all the others.
  .configureOutput({ outputError: () => undefined })
  .showSuggestionAfterError();

watchOutput();

// A command that is asked for is loaded alone: it starts sooner, and the doctor lives where others miss a package.
const [asked = ''] = process.argv.slice(2);
const wanted = Object.hasOwn(commands, asked) ? [commands[asked]!] : Object.values(commands);

try {
  // Throws where the folder is gone. Some packages fail then as they load, and a device would be blamed for it.
  process.cwd();
  for (const load of wanted) program.addCommand(reportingHere(await load()));
  if (process.argv.length <= 2) program.outputHelp();
  else await program.parseAsync();
} catch (error) {
  if (!(error instanceof CommanderError && error.exitCode === 0)) process.exitCode = report(error);
}

/** The command, it and those inside it with the settings of the program: their errors come here. */
function reportingHere(command: Command): Command {
  for (const inner of command.commands) reportingHere(inner);
  return command.copyInheritedSettings(program);
}
