import { telemetryNames } from '../../graph-builder/program.ts';
import type { Telemetry } from '../../graph-builder/program.ts';

/**
 * Steps that are judged together. Single steps are noise: on healthy digits one batch in thirty has five times
 * the usual gradient norm of D, and one in three hundred ten times.
 */
export const blockSteps = 50;

/** The telemetry of `blockSteps` steps in a few numbers. */
export interface Block extends Telemetry {
  /** Its last step. */
  readonly step: number;
  /** Standard deviation of D's loss as the middle half of its steps shows it: rare spikes do not count. */
  readonly dLossStd: number;
}

/** Losses and probabilities by their mean; gradient norms by their median, which single spikes do not move. */
export function summarize(rows: readonly Telemetry[], step: number): Block {
  const column = (name: keyof Telemetry) => rows.map((row) => row[name]);
  const entries = telemetryNames.map((name) => {
    const isNorm = name === 'dGradNorm' || name === 'gGradNorm';
    return [name, isNorm ? median(column(name)) : mean(column(name))] as const;
  });
  return { ...(Object.fromEntries(entries) as Telemetry), step, dLossStd: deviation(column('dLoss')) };
}

export const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

export const median = (values: readonly number[]): number => quantile(values, 0.5);

/** The value below which a share of all values is, interpolated between neighbours. */
function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const position = share * (sorted.length - 1);
  const [below, above] = [sorted[Math.floor(position)]!, sorted[Math.ceil(position)]!];
  return below + (above - below) * (position % 1);
}

/** The range of the middle half, over that of a Gaussian of standard deviation 1. */
const deviation = (values: readonly number[]): number =>
  (quantile(values, 0.75) - quantile(values, 0.25)) / 1.349;
