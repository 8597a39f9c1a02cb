import type { Technique } from './technique.ts';

/**
 * More updates of D for one of G, each on real and fake batches of its own (rule 14 of the original list of tricks).
 * Off: 1.
 */
export const discriminatorSteps: Technique = {
  number: 11,
  name: 'discriminator-steps',
  off: { 'techniques.discriminatorSteps': 1 },
  hooks: ({ techniques: { discriminatorSteps: count } }) =>
    count === 1 ? undefined : { discriminatorSteps: count },
};
