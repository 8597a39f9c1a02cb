import { buildProgram } from '../graph-builder/program.ts';
import { compile } from '../graph-builder/rewrites/index.ts';
import { cases, casesIn, checkCase, withBatches, withPrecision } from './cases.ts';
import type { Case } from './cases.ts';
import { compareSides, tookPart } from './compare.ts';
import type { Side, SideFigures } from './compare.ts';
import { Contestant } from './contestant.ts';
import { flopsOf } from './flops.ts';
import { describeRate, gemmRate } from './gemm.ts';
import type { GemmRate } from './gemm.ts';
import { benchOptions, compilePatience, onMachine, optionLines, writeFigures } from './options.ts';
import type { BenchOptions } from './options.ts';
import { beside, flags, pythonScript } from './processes.ts';
import type { Flags } from './processes.ts';
import type { Profile } from '../training/profiling/profile.ts';
import { profileTable, stepProfiles } from './profile.ts';
import { comparisonsToJson, comparisonTable, shown } from './report.ts';
import type { Comparison } from './report.ts';

const usage = `usage: npm run bench -- step [options]
${optionLines('1')}`;

/** Samples in memory on both sides. */
const samples = 2048;

/** A way to write the step in PyTorch; `pytorch_step.py` says which there are. */
type Variant = Readonly<Record<'networks' | 'adam' | 'backward' | 'format', string>>;

/** As PyTorch's own DCGAN example is written, with default arguments. */
const plain: Variant = { networks: 'eager', adam: 'plain', backward: 'split', format: 'contiguous' };

export async function stepBenchmark(args: readonly string[]): Promise<void> {
  const asked = benchOptions(args, usage, '1');
  if (!asked) return;
  checkCase(cases, asked);
  const { machine, options } = onMachine(asked);
  const { gemm, comparisons, profiles } = await stepFigures(options);
  console.log(`${describeRate(gemm)}\n${comparisonTable(comparisons)}`);
  if (profiles) console.log(profileTable(profiles));
  writeFigures(options.json, { machine, options, gemm, step: comparisonsToJson(comparisons), profiles });
}

interface StepFigures {
  /** The machine's. */
  readonly gemm: GemmRate;
  /** All sides of each case. */
  readonly comparisons: readonly Comparison[];
  /** Of ganx's step, where it was asked for. */
  readonly profiles?: Readonly<Record<string, Profile>>;
}

export async function stepFigures(options: BenchOptions): Promise<StepFigures> {
  const chosen = casesIn(cases, options).flatMap((each) =>
    withBatches(withPrecision(each, options.precision), options.batches),
  );
  console.error('gemm ...');
  const gemm = await gemmRate(options);
  const comparisons: Comparison[] = [];
  for (const each of chosen) {
    console.error(`step ${each.name} ...`);
    comparisons.push(shown(await compare(each, gemm, options)));
  }
  return { gemm, comparisons, ...(options.profile ? { profiles: await stepProfiles(chosen, options) } : {}) };
}

async function compare(each: Case, gemm: GemmRate, options: BenchOptions): Promise<Comparison> {
  const wanted = (name: string) => options.pytorch && (options.sides?.includes(name) ?? true);
  const fastest = wanted('fastest') ? await chooseVariant(each, options) : undefined;
  const compared = await compareSides(
    [
      ...ganxSides(each, options),
      ...pytorchSides(each, fastest, options).filter(({ name }) => wanted(name.replace('PyTorch ', ''))),
    ],
    options.rounds,
  );
  const { ganx } = compared.sides;
  return {
    ...compared,
    case: `step ${each.name}`,
    images: each.recipe.batch,
    flops: stepFlops(each),
    gemmRates: gemm.rates,
    notes: {
      ...(tookPart(ganx) ? { ganx: ganxNote(each, ganx.word) } : {}),
      ...(fastest ? { 'PyTorch fastest': Object.values(fastest).join(', ') } : {}),
    },
  };
}

/** Also where ganx does not compute in halves what PyTorch does. */
function ganxNote({ recipe }: Case, { threads, inHalves }: SideFigures['word']): string {
  const precision = recipe.precision === 'mixed' && inHalves !== true ? ', all in float32' : '';
  return `threads: ${Number(threads)}${precision}`;
}

/** Of the networks forward and backward: in this form of the step nothing is padded or computed a second time. */
export const stepFlops = ({ recipe, sample }: Case): number =>
  flopsOf(compile(buildProgram(recipe, sample).stepGraph(), 'portable'));

const ganxSides = (each: Case, options: BenchOptions): Side[] => [
  { name: 'ganx', start: () => ganxContestant(each, options) },
  // On CUDA it would copy the whole state in every step; nobody trains so.
  ...(options.device === 'cpu'
    ? [{ name: 'ganx, one run a step', start: () => ganxContestant(each, options, { driver: 'step' }) }]
    : []),
];

/** ganx's training loop on a case. */
export const ganxContestant = (each: Case, options: SharedOptions, more: Flags = {}) =>
  new Contestant(process.execPath, [
    beside('ganx-process.js'),
    ...sharedFlags(each, options),
    ...flags(more),
  ]);

function pytorchSides(each: Case, fastest: Variant | undefined, options: BenchOptions): Side[] {
  const side = (name: string, variant: Variant, patience?: number): Side => ({
    name: `PyTorch ${name}`,
    start: () => pytorchContestant('rounds', each, options, { variant: JSON.stringify(variant) }),
    ...(patience === undefined ? {} : { patience }),
  });
  return [
    side('plain', plain),
    // The layout of images; an MLP has none.
    ...(each.recipe.network.kind === 'dcgan'
      ? [side('channels-last', { ...plain, format: 'channels_last' })]
      : []),
    side('compile', { ...plain, networks: 'compiled' }, compilePatience(options)),
    ...(fastest ? [side('fastest', fastest)] : []),
  ];
}

/** Chosen in a process of its own, whose memory does not count. */
async function chooseVariant(each: Case, options: BenchOptions): Promise<Variant> {
  const chooser = pytorchContestant('choose', each, options, { trials: options.quick ? 1 : 7 });
  try {
    return (await chooser.ready()) as unknown as Variant;
  } finally {
    chooser.kill();
  }
}

const pytorchContestant = (mode: string, each: Case, options: BenchOptions, more: Flags) =>
  new Contestant('python3', [
    pythonScript('pytorch_step.py'),
    mode,
    ...sharedFlags(each, options),
    ...flags({ tf32: options.tf32, ...more }),
  ]);

type SharedOptions = Pick<BenchOptions, 'threads' | 'seconds' | 'device'>;

/** What both sides are told alike. */
const sharedFlags = (each: Case, { threads, seconds, device }: SharedOptions) =>
  flags({ case: JSON.stringify(each), threads, samples, seconds, device });
