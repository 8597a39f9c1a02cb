import type { AblationRun } from './ablation.ts';
import type { Cell } from './cells.ts';
import type { Judge } from '../judges/judge.ts';

/**
 * The results as a Markdown table: the mean of the seeds, and how many diverged. A figure that not all of them have says
 * of how many it is the mean: one without a good sample has no reverse KL, and would else count as if it were not there.
 */
export function renderTable({
  data,
  set = [],
  steps,
  judge,
  cells,
  runs,
}: {
  readonly data: string;
  /** Changes of the recommended recipe. */
  readonly set?: readonly string[] | undefined;
  readonly steps: number;
  readonly judge: Pick<Judge, 'samples' | 'columns'>;
  readonly cells: readonly Cell[];
  readonly runs: readonly AblationRun[];
}): string {
  const head = ['recipe', 'seeds', ...judge.columns.map(({ name }) => name), 'seconds'];
  const rows = cells.flatMap(({ name }) => {
    const own = runs.filter(({ cell }) => cell === name);
    if (!own.length) return [];
    const diverged = own.filter(({ outcome }) => outcome === 'diverged').length;
    const figures = judge.columns.map((column) => {
      // JSON has no NaN: a figure that could not be had comes back as null.
      const values = own.map(({ scores }) => scores[column.name]).filter((value) => Number.isFinite(value));
      if (!values.length) return '-';
      const figure = column.format(mean(values as number[]));
      return values.length === own.length ? figure : `${figure} (${values.length} of ${own.length})`;
    });
    const seeds = `${own.length}${diverged ? ` (${diverged} diverged)` : ''}`;
    return [[name, seeds, ...figures, mean(own.map(({ seconds }) => seconds)).toFixed(0)]];
  });
  const line = (row: readonly string[]) => `| ${row.join(' | ')} |`;
  return [
    [`${data}: ${steps} steps, ${judge.samples} samples`, ...set].join(', '),
    '',
    line(head),
    line(head.map((_, i) => (i === 0 ? '---' : '---:'))),
    ...rows.map(line),
    '',
  ].join('\n');
}

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
