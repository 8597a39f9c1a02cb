import { writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import type { Recipe } from '../graph-builder/recipe.ts';
import { describeMachine, machine } from './machine.ts';
import type { Machine } from './machine.ts';

/** What every benchmark beside PyTorch is asked for. */
export interface BenchOptions {
  readonly threads: number;
  readonly rounds: number;
  /** Length of a round. */
  readonly seconds: number;
  /** Part of the names of the cases. */
  readonly case: string;
  /** Samples of a step, each a case of its own; none for the cases' own. */
  readonly batches: readonly number[];
  /** The forms of PyTorch to compare with; all where absent. */
  readonly sides: readonly string[] | undefined;
  /** `cpu`, `cuda` or `cuda:<index>`. */
  readonly device: string;
  /** Whether PyTorch may multiply matrices in TF32, as onnxruntime does on CUDA. */
  readonly tf32: boolean;
  /** In which every case is trained; the cases' own where absent. */
  readonly precision: Precision | undefined;
  /** A smoke test: figures mean nothing. */
  readonly quick: boolean;
  /** File for the figures. */
  readonly json: string | undefined;
  readonly pytorch: boolean;
  /** Whether a step is taken apart by operator too. */
  readonly profile: boolean;
}

/** The forms of PyTorch that a step is compared with. */
export const pytorchSides = ['plain', 'channels-last', 'compile', 'fastest'] as const;

type Precision = Recipe['precision'];
const precisions: readonly Precision[] = ['float32', 'mixed'];

/** The lines of a usage that these options have in common. */
export const optionLines = (seconds: string) => `  --threads N      threads that each side may use (all cores)
  --rounds N       rounds of each side, in turn (7)
  --seconds S      length of a round (${seconds})
  --case TEXT      only cases whose name contains TEXT
  --batch N[,N]    samples of a step (as the case has it; step)
  --sides A[,B]    of PyTorch: ${pytorchSides.join(', ')} (all; step)
  --device NAME    cpu, cuda or cuda:INDEX (cpu)
  --tf32           on CUDA, let PyTorch multiply in TF32, as onnxruntime does
  --precision NAME mixed, for float16 on CUDA on both sides, or float32 (float32; step)
  --quick          one short round of each: a smoke test
  --json FILE      write the figures to FILE
  --no-pytorch     time ganx alone
  --profile        and where the time of ganx's step goes, by operator (step)`;

/** The options of a command line; undefined where it asked for `usage`, which has been printed. */
export function benchOptions(
  args: readonly string[],
  usage: string,
  seconds: string,
): BenchOptions | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: {
      threads: { type: 'string', default: String(availableParallelism()) },
      rounds: { type: 'string' },
      seconds: { type: 'string' },
      case: { type: 'string', default: '' },
      batch: { type: 'string' },
      sides: { type: 'string' },
      device: { type: 'string', default: 'cpu' },
      tf32: { type: 'boolean', default: false },
      precision: { type: 'string' },
      quick: { type: 'boolean', default: false },
      json: { type: 'string' },
      'no-pytorch': { type: 'boolean', default: false },
      profile: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    console.log(usage);
    return undefined;
  }
  const { quick, device } = values;
  if (!/^(cpu|cuda(:\d+)?)$/.test(device))
    throw new Error(`--device: "${device}" is unknown; expected cpu, cuda or cuda:INDEX`);
  return {
    threads: positive('--threads', values.threads),
    rounds: positive('--rounds', values.rounds ?? (quick ? '1' : '7')),
    seconds: positive('--seconds', values.seconds ?? (quick ? '0.1' : seconds)),
    case: values.case,
    batches: values.batch?.split(',').map((text) => wholeNumber('--batch', text)) ?? [],
    sides: values.sides?.split(',').map((text) => oneOf('--sides', text, pytorchSides)),
    device,
    tf32: values.tf32,
    precision:
      values.precision === undefined ? undefined : oneOf('--precision', values.precision, precisions),
    quick,
    json: values.json,
    pytorch: !values['no-pytorch'],
    profile: values.profile,
  };
}

/** Seconds in which `torch.compile` must be done, warm-up included; in a smoke test it may stay undone. */
export const compilePatience = ({ quick }: BenchOptions) => (quick ? 60 : 300);

/** @throws Error where the value of an option is not a number above 0 */
export function positive(option: string, text: string): number {
  const value = Number(text);
  if (!(value > 0 && value < Infinity)) throw new Error(`${option}: "${text}" must be a number above 0`);
  return value;
}

function oneOf<T extends string>(option: string, text: string, known: readonly T[]): T {
  const found = known.find((each) => each === text);
  if (found === undefined)
    throw new Error(`${option}: "${text}" is unknown; expected some of ${known.join(', ')}`);
  return found;
}

function wholeNumber(option: string, text: string): number {
  const value = positive(option, text);
  if (!Number.isInteger(value)) throw new Error(`${option}: "${text}" must be a whole number`);
  return value;
}

/** The machine, said on stderr, and the options as they can be met on it. */
export function onMachine(options: BenchOptions): {
  readonly machine: Machine;
  readonly options: BenchOptions;
} {
  const here = machine();
  console.error(describeMachine(here));
  if (!options.pytorch || here.torch !== null) return { machine: here, options };
  console.error('python3 does not find PyTorch (pip install torch==2.13.0): ganx is timed alone');
  return { machine: here, options: { ...options, pytorch: false } };
}

/** Writes figures and where they come from, where a file is asked for. */
export function writeFigures(json: string | undefined, figures: object): void {
  if (json === undefined) return;
  writeFileSync(json, `${JSON.stringify(figures, null, 2)}\n`);
  console.error(`figures: ${json}`);
}
