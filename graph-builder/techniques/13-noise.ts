import { add, mul } from '../ops/elementwise.ts';
import { gaussianNoise } from '../layers/stochastic.ts';
import { decayAt } from '../schedule.ts';
import type { Decay } from '../schedule.ts';
import type { Technique } from './technique.ts';

export interface NoiseSchedule extends Decay {
  /** Standard deviation at step 0, in units of the noised tensor; 0 is off. */
  readonly std: number;
}

export const noiseOff: NoiseSchedule = { std: 0, decay: 'linear', steps: 2000 };

/** Standard deviation of a decaying noise at a step. */
export const noiseAt = (schedule: NoiseSchedule, step: number) => schedule.std * decayAt(schedule, step);

/**
 * 13. Instance noise (Soenderby et al. 2016; Arjovsky & Bottou 2017): Gaussian noise on everything D sees, real and
 * fake, in both steps, decaying with the step. It makes the two distributions overlap, and the game still ends where G
 * has the data's distribution.
 *
 * Off: std 0.
 */
export const instanceNoise: Technique = {
  number: 13,
  name: 'instance-noise',
  off: { 'techniques.instanceNoise.std': 0 },
  hooks: ({ techniques: { instanceNoise: schedule } }) => {
    if (schedule.std === 0) return undefined;
    return {
      controls: [{ name: 'instanceNoise/std', at: (step) => noiseAt(schedule, step) }],
      discriminatorInput: (x, side, phase, { random, control }) =>
        add(x, mul(random.normal(`instance-noise/${phase}/${side}`, x.shape), control('instanceNoise/std'))),
    };
  },
};

/** 13. Gaussian noise on every hidden layer of G, decaying with the step; gone from the exported model. Off: std 0. */
export const layerNoise: Technique = {
  number: 13,
  name: 'layer-noise',
  off: { 'techniques.layerNoise.std': 0 },
  hooks: ({ techniques: { layerNoise: schedule } }) => {
    if (schedule.std === 0) return undefined;
    return {
      controls: [{ name: 'layerNoise/std', at: (step) => noiseAt(schedule, step) }],
      generatorLayer: (pass, x) =>
        pass.training ? gaussianNoise(pass, 'noise', x, pass.control('layerNoise/std')) : x,
    };
  },
};
