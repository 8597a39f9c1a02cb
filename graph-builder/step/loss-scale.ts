import type { StateSpec } from '../initializer.ts';
import type { Value } from '../graph.ts';
import { equal, greater, less } from '../ops/comparison.ts';
import { add, keptInFloat32, max, min, mul, reciprocal, where } from '../ops/elementwise.ts';
import type { Player } from '../techniques/technique.ts';
import type { Building } from './building.ts';

/*
 * Dynamic loss scaling (Micikevicius et al. 2018, Mixed Precision Training): halves end at 6e-8, below which many
 * gradients of activations lie. So a network's loss is multiplied by a power of two before it is differentiated, and
 * its gradients are divided by it afterwards. Where one of them overflowed, the network does not learn in that step,
 * and the factor is halved; after `interval` steps without, it is doubled. The constants are those of PyTorch's
 * GradScaler.
 */

const first = 2 ** 16;
/** Steps without an overflow after which the factor is doubled. */
const interval = 2000;
/** Above it a loss's gradient by the logits, a 256th of the factor for a batch of 256, would be no half. */
const largest = 2 ** 24;
/** Gradients that overflow without being scaled are no matter of halves. */
const smallest = 1;

const factorName = (player: Player) => `lossScale/${player}/factor`;
const stepsName = (player: Player) => `lossScale/${player}/steps`;

/** What scaling the loss of a network keeps between steps. */
export const lossScaleState = (player: Player): StateSpec[] => [
  { name: factorName(player), dtype: 'float32', shape: [], init: { kind: 'constant', value: first } },
  { name: stepsName(player), dtype: 'int32', shape: [], init: { kind: 'constant', value: 0 } },
];

/** The figure of a step that says by how much a network's loss was scaled. */
export const lossScaleFigure = (player: Player) => `${player[0]!}LossScale`;
/** That of the norm of the encoder's gradients, which say whether it still learns; those of G and D are measured anyway. */
export const encoderNormFigure = 'eGradNorm';

/** What a step measures beside the rest where the losses of these networks are scaled. */
export const lossScaleFigures = (players: readonly Player[]): string[] => [
  ...players.map(lossScaleFigure),
  ...(players.includes('encoder') ? [encoderNormFigure] : []),
];

/** The factor of one network's loss, at this place of a step. */
export class LossScale {
  readonly #building: Building;
  readonly #player: Player;

  constructor(building: Building, player: Player) {
    this.#building = building;
    this.#player = player;
  }

  /** float32 [] */
  get factor(): Value {
    return this.#building.next.get(factorName(this.#player))!;
  }

  scaled(loss: Value): Value {
    return mul(loss, this.factor);
  }

  /** Divided, they may be smaller than any half. */
  unscaled(gradients: readonly Value[]): Value[] {
    const share = reciprocal(this.factor);
    return gradients.map((gradient) => mul(keptInFloat32(gradient), share));
  }

  /**
   * The norm of the gradients as a figure of the step: 0 where they overflowed and nothing was learnt. At a factor of 1
   * it is no overflow that a smaller one would mend: the norm is what it is, no finite number, and training diverged.
   */
  figure(norm: Value, finite: Value): Value {
    return where(greater(this.factor, smallest), where(finite, norm, 0), norm);
  }

  /** Sets the factor of the next update, after one whose gradients were all finite, or were not: bool []. */
  update(finite: Value): void {
    const { next, graph } = this.#building;
    const { factor } = this;
    const steps = add(next.get(stepsName(this.#player))!, 1);
    const isDue = equal(steps, interval);
    const raised = where(isDue, min(mul(factor, 2), largest), factor);
    const zero = graph.scalar(0, 'int32');
    next.set(factorName(this.#player), where(finite, raised, max(mul(factor, 0.5), smallest)));
    next.set(stepsName(this.#player), where(finite, where(isDue, zero, steps), zero));
  }
}

/** Whether the norm of gradients is a finite number, and so each of them: bool [] */
export const isFiniteNorm = (norm: Value): Value => less(norm, 3.4e38);
