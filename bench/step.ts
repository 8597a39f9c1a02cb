import { beside, pythonScript } from './beside.ts';
import { cases } from './cases.ts';
import type { Case } from './cases.ts';
import { Contestant } from './contestant.ts';
import type { Round } from './contestant.ts';
import { benchOptions, writeFigures } from './options.ts';
import { median, table } from './report.ts';
import { quietTurns, stepTime } from './turns.ts';

const usage = `usage: npm run bench -- step [options]
  --threads N      threads that each side may use (2)
  --rounds N       rounds of each side, in turn (7)
  --seconds S      length of a round (1)
  --case TEXT      only cases whose name contains TEXT
  --json FILE      write the figures to FILE
  --no-pytorch     time ganx alone`;

/** Samples in memory on both sides. */
const samples = 2048;

interface Side {
  readonly medianMs: number;
  readonly minMs: number;
  /** Processor time of a step, all threads: with one thread it hardly depends on what else the machine does. */
  readonly minCpuMs: number;
  readonly imagesPerSecond: number;
  readonly peakBytes: number;
  /** Share of the time outside the runtime. */
  readonly hostShare?: number;
}

/** A way to write the step in eager PyTorch; `pytorch_step.py` says which there are. */
type Variant = Readonly<Record<string, string>>;

interface PytorchSide extends Side {
  readonly variant: Variant;
  /** Its time over ganx's: median of the pairs. */
  readonly ratio: number;
}

interface Figures {
  readonly case: string;
  /** `threads`: those that it uses of the ones it may use. */
  readonly ganx: Side & { readonly threads: number };
  readonly pytorch?: {
    /** As PyTorch's own DCGAN example is written, with default arguments. */
    readonly plain: PytorchSide;
    /** The fastest variant found. */
    readonly fastest: PytorchSide;
  };
  /** Cores that other processes used meanwhile, at most. */
  readonly foreignCores: number;
}

export async function stepBenchmark(args: readonly string[]): Promise<void> {
  const options = benchOptions(args, usage, '1');
  if (!options) return;
  const figures: Figures[] = [];
  for (const each of cases.filter(({ name }) => name.includes(options.case))) {
    console.error(`${each.name} ...`);
    figures.push(
      await compare(each, {
        rounds: options.rounds,
        shared: [options.threads, samples, options.seconds].map(String),
        pytorch: options.pytorch,
      }),
    );
  }
  console.log(render(figures));
  writeFigures(options, figures);
}

interface Options {
  readonly rounds: number;
  /** Threads, samples and seconds, as the processes take them. */
  readonly shared: readonly string[];
  readonly pytorch: boolean;
}

const plainVariant: Variant = { adam: 'plain', backward: 'split', format: 'contiguous' };

async function compare(each: Case, { rounds, shared, pytorch }: Options): Promise<Figures> {
  const described = JSON.stringify(each);
  const variants = pytorch ? [plainVariant, await chooseVariant(described, shared)] : [];
  const contestants = [
    new Contestant(process.execPath, [beside('ganx-process.js'), described, ...shared]),
    ...variants.map(
      (variant) =>
        new Contestant('python3', [
          pythonScript('pytorch_step.py'),
          'rounds',
          described,
          ...shared,
          JSON.stringify(variant),
        ]),
    ),
  ];
  try {
    const words: Record<string, unknown>[] = [];
    for (const contestant of contestants) words.push(await contestant.ready());
    const turns = await quietTurns(contestants, rounds);
    const peaks: number[] = [];
    for (const contestant of contestants) peaks.push((await contestant.end()).peakBytes);

    const side = (i: number): Side =>
      summarize(
        turns.map(({ results }) => results[i]!),
        peaks[i]!,
        each.recipe.batch,
      );
    const [plain, fastest] = variants.map((variant, i): PytorchSide => {
      const ratios = turns.map(({ results }) => stepTime(results[i + 1]!) / stepTime(results[0]!));
      return { ...side(i + 1), variant, ratio: median(ratios) };
    });
    return {
      case: each.name,
      ganx: { ...side(0), threads: Number(words[0]!.threads) },
      ...(plain && fastest ? { pytorch: { plain, fastest } } : {}),
      foreignCores: Math.max(...turns.map((turn) => turn.foreignCores)),
    };
  } finally {
    for (const contestant of contestants) contestant.kill();
  }
}

/** Chosen in a process of its own, whose memory does not count. */
async function chooseVariant(described: string, shared: readonly string[]): Promise<Variant> {
  const chooser = new Contestant('python3', [
    pythonScript('pytorch_step.py'),
    'choose',
    described,
    ...shared,
  ]);
  try {
    return (await chooser.ready()) as Variant;
  } finally {
    chooser.kill();
  }
}

function summarize(rounds: readonly Round[], peakBytes: number, batch: number): Side {
  const times = rounds.map(stepTime);
  const shares = rounds.flatMap(({ milliseconds, runtimeMilliseconds }) =>
    runtimeMilliseconds === undefined ? [] : [1 - runtimeMilliseconds / milliseconds],
  );
  return {
    medianMs: median(times),
    minMs: Math.min(...times),
    minCpuMs: Math.min(...rounds.map(({ cpuMilliseconds, steps }) => cpuMilliseconds / steps)),
    imagesPerSecond: (1000 * batch) / median(times),
    peakBytes,
    ...(shares.length ? { hostShare: median(shares) } : {}),
  };
}

function render(figures: readonly Figures[]): string {
  const megabytes = (side: Side | undefined) => (side ? (side.peakBytes / 1e6).toFixed(0) : '-');
  const time = (side: Side | undefined) =>
    side ? `${side.medianMs.toFixed(2)} (${side.minMs.toFixed(2)})` : '-';
  const rows = figures.map(({ case: name, ganx, pytorch, foreignCores }) => [
    name,
    String(ganx.threads),
    time(ganx),
    time(pytorch?.plain),
    pytorch?.plain.ratio.toFixed(2) ?? '-',
    time(pytorch?.fastest),
    pytorch?.fastest.ratio.toFixed(2) ?? '-',
    ganx.imagesPerSecond.toFixed(0),
    `${(100 * (ganx.hostShare ?? 0)).toFixed(2)} %`,
    megabytes(ganx),
    megabytes(pytorch?.plain),
    megabytes(pytorch?.fastest),
    `${foreignCores.toFixed(2)} cores`,
    pytorch ? Object.values(pytorch.fastest.variant).join(', ') : '-',
  ]);
  const head = [
    'case',
    'threads',
    'ganx ms (min)',
    'PyTorch ms (min)',
    'ratio',
    'fastest ms (min)',
    'ratio',
    'images/s',
  ];
  const rest = ['host share', 'ganx MB', 'PyTorch MB', 'fastest MB', 'other load', 'fastest PyTorch variant'];
  return table([...head, ...rest], rows);
}
