import { cases, checkCase } from './cases.ts';
import { describeRate } from './gemm.ts';
import { inferenceCases } from './inference-cases.ts';
import { inferenceFigures } from './inference.ts';
import { benchOptions, onMachine, optionLines, writeFigures } from './options.ts';
import { profileTable } from './profile.ts';
import { comparisonsToJson, comparisonTable } from './report.ts';
import { stepFigures } from './step.ts';

const defaultJson = 'bench-results.json';

const usage = `usage: npm run bench -- [options]
${optionLines('1; of inference half of it')}
The figures go to ${defaultJson} where no file is named.`;

/** Everything about speed: each step and each generator, in one table and one file. */
export async function suite(args: readonly string[], list: string): Promise<void> {
  const asked = benchOptions(args, `${usage}\n${list}`, '1');
  if (!asked) return;
  checkCase([...cases, ...inferenceCases], asked);
  const { machine, options } = onMachine(asked);
  const { gemm, comparisons, profiles } = await stepFigures(options);
  // Calls are shorter than steps.
  const drawn = await inferenceFigures({ ...options, seconds: options.seconds / 2 });
  console.log(`${describeRate(gemm)}\n${comparisonTable([...comparisons, ...drawn])}`);
  if (profiles) console.log(profileTable(profiles));
  writeFigures(options.json ?? defaultJson, {
    machine,
    options,
    gemm,
    step: comparisonsToJson(comparisons),
    profiles,
    inference: comparisonsToJson(drawn),
  });
}
