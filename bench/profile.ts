import { buildProgram } from '../graph-builder/program.ts';
import { usualExecution } from '../training/autotune/execution.ts';
import { parseDevice } from '../training/device/device.ts';
import { profileSteps } from '../training/profiling/profile-steps.ts';
import type { Profile } from '../training/profiling/profile.ts';
import type { Case } from './cases.ts';
import type { BenchOptions } from './options.ts';
import { percent, precise, table } from './table.ts';

/** Steps under the profiler. */
const steps = 5;
/** Operators that take less are left out of the table; the figures have them all. */
const worthShowing = 0.01;

/** Where the time of ganx's step goes, case by case. */
export async function stepProfiles(
  cases: readonly Case[],
  options: BenchOptions,
): Promise<Readonly<Record<string, Profile>>> {
  const profiles: Record<string, Profile> = {};
  for (const { name, recipe, sample } of cases) {
    console.error(`profile ${name} ...`);
    const program = buildProgram(recipe, sample);
    const device = parseDevice(options.device);
    const execution = usualExecution(program, device, options.threads);
    profiles[name] = await profileSteps(program, device, { steps, execution });
  }
  return profiles;
}

/** Time of a step by operator, and that of the executor between them; shares are of the whole step. */
export function profileTable(profiles: Readonly<Record<string, Profile>>): string {
  const rows = Object.entries(profiles).flatMap(([name, { milliseconds, executor, outside, operators }]) => {
    const share = (part: number) => percent(part / milliseconds, 1);
    const lines = operators
      .filter((operator) => operator.milliseconds >= worthShowing * milliseconds)
      .map((operator) => [
        operator.name,
        precise(operator.milliseconds),
        share(operator.milliseconds),
        operator.count.toFixed(0),
      ]);
    return [
      ...lines,
      ['between kernels', precise(executor), share(executor), '-'],
      ['outside', precise(outside), share(outside), '-'],
      ['step', precise(milliseconds), share(milliseconds), '-'],
    ].map((line, i) => [i === 0 ? name : '', ...line]);
  });
  return table(['profile', 'operator', 'ms', 'share', 'kernels'], rows, ['profile', 'operator']);
}
