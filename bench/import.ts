import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { InputError } from '../artifacts/errors.ts';
import { importModel } from '../artifacts/import/imported-model.ts';
import { decodeSafetensors } from '../artifacts/safetensors.ts';
import { GraphError } from '../graph-builder/errors.ts';
import type { Tensor } from '../graph-builder/types.ts';
import { evaluate } from './import-evaluate.ts';
import { pythonScript } from './processes.ts';
import { table } from './table.ts';

/*
 * `npm run bench -- import [CASE ...]`: PyTorch modules, exported by both exporters, imported and differentiated here,
 * against autograd in double precision. Figures are the largest deviation over all tensors of a kind.
 */

/** Largest deviation that counts as the same. */
export const tolerance = 1e-4;

export interface Comparison {
  readonly name: string;
  readonly exporter: string;
  /** Largest deviations; undefined where there is nothing to compare. */
  readonly output?: number;
  readonly first?: number;
  readonly second?: number;
  readonly statistic?: number;
  /** Why there are none: the exporter gave up, or ganx refused the file. */
  readonly refused?: { readonly by: 'PyTorch' | 'ganx'; readonly reason: string };
}

type Kind = 'output' | 'first' | 'second' | 'statistic';

/** Exports the cases with PyTorch and compares each export; a fault of ganx is thrown. */
export async function compareAll(chosen: readonly string[], folder?: string): Promise<Comparison[]> {
  const at = folder ?? mkdtempSync(join(tmpdir(), 'ganx-import-'));
  try {
    if (!folder) exportCases(at, chosen);
    const cases = JSON.parse(readFileSync(join(at, 'cases.json'), 'utf8')) as Record<string, ExportedCase>;
    const results: Comparison[] = [];
    for (const [name, { train, exports }] of Object.entries(cases))
      for (const [exporter, error] of Object.entries(exports))
        results.push(
          error === null
            ? await compare(at, name, exporter, train)
            : { name, exporter, refused: { by: 'PyTorch', reason: error } },
        );
    return results;
  } finally {
    if (!folder) rmSync(at, { recursive: true });
  }
}

interface ExportedCase {
  readonly train: boolean;
  /** By exporter: its error, or null. */
  readonly exports: Readonly<Record<string, string | null>>;
}

function exportCases(folder: string, chosen: readonly string[]): void {
  const script = [pythonScript('import_modules.py'), folder, ...chosen];
  const { status, stderr } = spawnSync('python3', script, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`import_modules.py: ${stderr}`);
}

async function compare(folder: string, name: string, exporter: string, train: boolean): Promise<Comparison> {
  const path = join(folder, `${name}.safetensors`);
  const { tensors } = decodeSafetensors(readFileSync(path), path);
  try {
    const imported = await importModel(join(folder, `${name}.${exporter}.onnx`));
    const ours = await evaluate(imported, tensors, train);
    return { name, exporter, ...deviations(ours, tensors) };
  } catch (error) {
    if (!(error instanceof InputError) && !(error instanceof GraphError)) throw error;
    return { name, exporter, refused: { by: 'ganx', reason: error.message.replace(`${folder}/`, '') } };
  }
}

const kindOf = (name: string): Kind | undefined =>
  name === 'output' ? 'output' : (/^(first|second|statistic)\//.exec(name)?.[1] as Kind | undefined);

/** max |a - b| / max |b| of the worst tensor of each kind. */
function deviations(
  ours: ReadonlyMap<string, Tensor>,
  theirs: ReadonlyMap<string, Tensor>,
): Partial<Record<Kind, number>> {
  const result: Partial<Record<Kind, number>> = {};
  const sizes = (kind: Kind) =>
    [...theirs].filter(([name]) => kindOf(name) === kind).map(([, tensor]) => largest(tensor));
  for (const [name, expected] of theirs) {
    const kind = kindOf(name);
    if (!kind) continue;
    // What is zero but for rounding, as the gradient of a bias in front of a norm, is measured by the others.
    const size = Math.max(largest(expected), 1e-2 * Math.max(...sizes(kind)));
    const actual = ours.get(name);
    const deviation =
      actual?.data.length === expected.data.length ? difference(actual, expected) / (size || 1) : NaN;
    // A NaN stays.
    const worst = result[kind] ?? 0;
    result[kind] = Number.isNaN(worst) || deviation <= worst ? worst : deviation;
  }
  return result;
}

const largest = ({ data }: Tensor) =>
  Array.from(data as ArrayLike<number>, Number).reduce((max, x) => Math.max(max, Math.abs(x)), 0);
const difference = (a: Tensor, b: Tensor) =>
  Array.from(a.data as ArrayLike<number>, (x, i) => Math.abs(x - Number(b.data[i]))).reduce(
    (max, x) => (Number.isNaN(x) || x > max ? x : max),
    0,
  );

/** Whether every figure is within the tolerance; a NaN is not. */
export const agrees = ({ output, first, second, statistic }: Comparison): boolean =>
  [output, first, second, statistic].every((figure) => figure === undefined || figure <= tolerance);

export async function importBenchmark(args: readonly string[]): Promise<void> {
  const at = args.indexOf('--from');
  const folder = at < 0 ? undefined : args[at + 1];
  const results = await compareAll(at < 0 ? args : args.toSpliced(at, 2), folder);
  const figure = (x: number | undefined) => (x === undefined ? '-' : x.toExponential(1));
  const compared = results.filter(({ refused }) => !refused);
  console.log(
    table(
      ['module', 'exporter', 'output', 'gradients', 'second order', 'statistics', ''],
      compared.map((row) => [
        row.name,
        row.exporter,
        ...[row.output, row.first, row.second, row.statistic].map(figure),
        agrees(row) ? '' : 'DEVIATES',
      ]),
    ),
  );
  const refused = results.filter((row) => row.refused);
  if (refused.length) console.log('\nrefused:');
  for (const { name, exporter, refused: why } of refused)
    console.log(`  ${name} (${exporter}) by ${why!.by}: ${why!.reason}`);
  const failed = compared.filter((row) => !agrees(row));
  console.log(
    `\n${compared.length - failed.length} of ${compared.length} exports of ${new Set(compared.map(({ name }) => name)).size} modules within ${tolerance}; ${refused.length} refused`,
  );
  if (failed.length) process.exitCode = 1;
}
