/** How a quantity decays with the step. */
export interface Decay {
  readonly decay: 'linear' | 'exponential' | 'cosine';
  /** Steps until it is gone (linear, cosine) or a hundredth of its start (exponential). */
  readonly steps: number;
}

/** What is left of a decaying quantity at a step, as a share of its start. */
export function decayAt({ decay, steps }: Decay, step: number): number {
  const progress = Math.min(step / Math.max(steps, 1), 1);
  if (decay === 'linear') return 1 - progress;
  if (decay === 'cosine') return (1 + Math.cos(Math.PI * progress)) / 2;
  return 0.01 ** (step / Math.max(steps, 1));
}
