import type { Value } from '../graph.ts';
import { and, greater, less, not } from '../ops/comparison.ts';
import type { Technique } from './technique.ts';

export interface FreezingOptions {
  /** Loss of D on one side when the two are even, nats; log 2 = 0.69 for hard labels. */
  readonly equilibrium: number;
  /** D is frozen while either loss is below equilibrium - margin, G while either is above equilibrium + margin. */
  readonly margin: number;
  /** Most updates in a row that a network is frozen; 0 is off. */
  readonly cap: number;
}

export const freezingOff: FreezingOptions = { equilibrium: 0.68, margin: 0.35, cap: 0 };

/** Whichever of two conditions holds. */
const either = (a: Value, b: Value) => not(and(not(a), not(b)));

/**
 * 8. Freezing (Pfau & Vinyals 2016, table 1), with the gate of VAE/GAN (Larsen et al. 2016): the network that is too
 * far ahead stops learning until the other has caught up. Where both would stop, both go on.
 */
export const freezing: Technique = {
  number: 8,
  name: 'freezing',
  off: { 'techniques.freezing.cap': 0 },
  hooks: ({ techniques: { freezing: options } }) => {
    if (options.cap === 0) return undefined;
    return {
      controls: [
        { name: 'freezing/low', at: () => options.equilibrium - options.margin },
        { name: 'freezing/high', at: () => options.equilibrium + options.margin },
      ],
      gate: {
        learns: (network, { dReal, dFake }, step) => {
          const [low, high] = [step.control('freezing/low'), step.control('freezing/high')];
          const stopD = either(less(dReal, low), less(dFake, low));
          const stopG = either(greater(dReal, high), greater(dFake, high));
          const [own, other] = network === 'discriminator' ? [stopD, stopG] : [stopG, stopD];
          return either(not(own), other);
        },
        cap: options.cap,
      },
    };
  },
};
