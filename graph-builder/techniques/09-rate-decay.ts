import { decayAt } from '../schedule.ts';
import type { Decay } from '../schedule.ts';
import type { Technique } from './technique.ts';

export interface RateDecayOptions {
  /** Shape of the decay; `none` is off. */
  readonly decay: 'none' | Decay['decay'];
  /** Steps until the rates are 0 (exponential: a hundredth of their start). */
  readonly steps: number;
}

export const rateDecayOff: RateDecayOptions = { decay: 'none', steps: 10_000 };

/** 9. Learning rates of all networks that decay with the step, so that a game that circles its solution settles there. */
export const rateDecay: Technique = {
  number: 9,
  name: 'rate-decay',
  off: { 'techniques.rateDecay.decay': 'none' },
  hooks: ({ techniques: { rateDecay: options } }) => {
    const { decay, steps } = options;
    return decay === 'none' ? undefined : { rate: (step) => decayAt({ decay, steps }, step) };
  },
};
