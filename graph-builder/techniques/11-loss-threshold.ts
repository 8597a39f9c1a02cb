import { greater } from '../ops/comparison.ts';
import type { Technique } from './technique.ts';

export interface LossThresholdOptions {
  /** D learns while its loss is above this, nats. Soft labels lift the least that the loss can be: see the presets. */
  readonly discriminator: number;
  /** G learns while its adversarial loss, without those of classes and of a reconstruction, is above this. */
  readonly generator: number;
  /** Most updates in a row that a network may skip; 0 is off. */
  readonly cap: number;
}

export const lossThresholdOff: LossThresholdOptions = { discriminator: 0.5, generator: 0.5, cap: 0 };

/**
 * 11. No balancing by statistics, unless there is a good reason: the schedule "train D while its loss is above A, train
 * G while its loss is above B" is off by default. A cap on the updates skipped in a row keeps either from stopping for
 * good.
 */
export const lossThreshold: Technique = {
  number: 11,
  name: 'loss-threshold',
  off: { 'techniques.lossThreshold.cap': 0 },
  hooks: ({ techniques: { lossThreshold: options } }) => {
    if (options.cap === 0) return undefined;
    const networks = ['discriminator', 'generator'] as const;
    return {
      controls: networks.map((network) => ({
        name: `lossThreshold/${network}`,
        at: () => options[network],
      })),
      gate: {
        learns: (network, { dLoss, gLoss }, step) => {
          const loss = network === 'discriminator' ? dLoss : gLoss!;
          return greater(loss, step.control(`lossThreshold/${network}`));
        },
        cap: options.cap,
      },
    };
  },
};
