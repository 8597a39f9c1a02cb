import { tookPart } from './compare.ts';
import type { Compared, SideFigures } from './compare.ts';
import { percent, precise, table } from './table.ts';

/** Sides that were timed on the same work. */
export interface Comparison extends Compared {
  /** What was timed. */
  readonly case: string;
  /** Images that a step, or a call, takes or makes. */
  readonly images: number;
  /** Useful floating-point operations of a step, where they were counted. */
  readonly flops?: number;
  /** GFLOP/s of a matrix product alone, by the first word of a side's name, where it was measured. */
  readonly gemmRates?: Readonly<Record<string, number>>;
  /** Remarks on sides, by their names. */
  readonly notes: Readonly<Record<string, string>>;
}

/** What follows from a side's time. */
export function derived({ images, flops, gemmRates }: Comparison, name: string, { medianMs }: SideFigures) {
  const gflops = flops === undefined ? undefined : flops / medianMs / 1e6;
  const rate = gemmRates?.[name.split(/\W/)[0]!];
  return {
    imagesPerSecond: (1000 * images) / medianMs,
    ...(gflops === undefined ? {} : { gflops }),
    ...(gflops === undefined || rate === undefined ? {} : { gemmShare: gflops / rate }),
  };
}

const head = ['case', 'side', 'ms (min)', 'ratio', 'images/s', 'GFLOP/s', 'of Gemm'];
const rest = ['host', 'MB'];
const last = ['other load', 'remarks'];

/** A row a side: its time, and its time over that of the first. Memory of a GPU has a column where there is one. */
export function comparisonTable(comparisons: readonly Comparison[]): string {
  const onGpu = comparisons.some(({ sides }) =>
    Object.values(sides).some((side) => tookPart(side) && side.deviceBytes !== undefined),
  );
  const gpu = (cell: string) => (onGpu ? [cell] : []);
  const rows = comparisons.flatMap((comparison) =>
    Object.entries(comparison.sides).map(([name, side], i) => {
      const title = i === 0 ? comparison.case : '';
      if (!tookPart(side))
        return [title, name, '-', '-', '-', '-', '-', '-', '-', ...gpu('-'), '', side.unable];
      const { imagesPerSecond, gflops, gemmShare } = derived(comparison, name, side);
      return [
        title,
        name,
        `${precise(side.medianMs)} (${precise(side.minMs)})`,
        side.ratio.toFixed(2),
        imagesPerSecond.toFixed(0),
        gflops?.toFixed(1) ?? '-',
        percent(gemmShare, 0),
        percent(side.hostShare, 2),
        (side.peakBytes / 1e6).toFixed(0),
        ...gpu(side.deviceBytes === undefined ? '-' : (side.deviceBytes / 1e6).toFixed(0)),
        i === 0 ? `${comparison.foreignCores.toFixed(2)} cores` : '',
        comparison.notes[name] ?? '',
      ];
    }),
  );
  return table([...head, ...rest, ...gpu('GPU MB'), ...last], rows, ['case', 'side', 'remarks']);
}

/** Shows a comparison as soon as it is there, beside the table at the end: a long benchmark may not get that far. */
export function shown(comparison: Comparison): Comparison {
  console.error(comparisonTable([comparison]));
  return comparison;
}

/** Comparisons as they are written as JSON: with what follows from the times. */
export function comparisonsToJson(comparisons: readonly Comparison[]): unknown {
  return comparisons.map((comparison) => ({
    ...comparison,
    sides: Object.fromEntries(
      Object.entries(comparison.sides).map(([name, side]) => [
        name,
        tookPart(side) ? { ...side, ...derived(comparison, name, side) } : side,
      ]),
    ),
  }));
}
