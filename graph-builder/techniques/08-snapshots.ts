import { GraphError } from '../errors.ts';
import type { StateSpec } from '../initializer.ts';
import { greater } from '../ops/comparison.ts';
import { where } from '../ops/elementwise.ts';
import { bitsAt, baseKey } from '../hash.ts';
import type { Move, NetworkStates, Technique } from './technique.ts';

export interface SnapshotOptions {
  /** Past states of G and D that are kept; 0 is off. */
  readonly count: number;
  /** Steps between two snapshots. */
  readonly every: number;
  /** Steps, from each snapshot but the first on, in which a past G and a past D stand in; fewer than `every`. */
  readonly steps: number;
}

export const snapshotsOff: SnapshotOptions = { count: 0, every: 500, steps: 20 };

const shelf = (slot: number, name: string) => `snapshots/${slot}/${name}`;
const standIn = (name: string) => `stand-in/${name}`;
const players = ['generator', 'discriminator'] as const;

/** Everything that a network's output depends on. */
const tensorsOf = (networks: NetworkStates): StateSpec[] =>
  players.flatMap((player) => [...networks[player]!.parameters, ...networks[player]!.statistics]);

/**
 * The slot that is filled before a step, and the one that stands in from then on: any that was filled before, the same
 * for the same step. At the first snapshot there is none.
 */
export function snapshotSlots(
  { count, every }: SnapshotOptions,
  step: number,
): { take: number; use: number | undefined } {
  const before = step / every - 1;
  const filled = Math.min(before, count);
  return {
    take: before % count,
    use: filled ? (bitsAt(baseKey(0, step), 0) >>> 1) % filled : undefined,
  };
}

/**
 * 8. Past opponents: snapshots of G and D are kept, and for a few steps after each of them D learns against a past G
 * and G against a past D, drawn from those that were kept before it. The live weights and moments are untouched by it:
 * it is they that learn, and only their opponent is replaced. A network that has only learnt to beat the other's latest
 * move is found out by an earlier one.
 *
 * The host turns the shelves (`moves`); the graph only chooses between live and past by a control.
 */
export const snapshots: Technique = {
  number: 8,
  name: 'snapshots',
  off: { 'techniques.snapshots.count': 0 },
  hooks: ({ techniques: { snapshots: options } }) => {
    const { count, every, steps } = options;
    if (count === 0) return undefined;
    if (steps >= every)
      throw new GraphError(
        'snapshots',
        `steps ${steps} must be fewer than every, ${every}: the live opponent would never come back`,
      );
    return {
      controls: [
        { name: 'snapshots/stand-in', at: (step) => (step >= 2 * every && step % every < steps ? 1 : 0) },
      ],
      state: (networks) =>
        tensorsOf(networks).flatMap((spec) => [
          { ...spec, name: standIn(spec.name), copyOf: spec.copyOf ?? spec.name },
          ...Array.from({ length: count }, (_, slot) => ({
            ...spec,
            name: shelf(slot, spec.name),
            copyOf: spec.copyOf ?? spec.name,
            parked: true,
          })),
        ]),
      moves: {
        every,
        at: (step, networks) => {
          if (step < every) return [];
          const { take, use } = snapshotSlots(options, step);
          return tensorsOf(networks).flatMap(({ name }): Move[] => [
            ...(use === undefined ? [] : [{ from: shelf(use, name), to: standIn(name) }]),
            { from: name, to: shelf(take, name) },
          ]);
        },
      },
      weights: (_network, live, { control, state }) => {
        const isPast = greater(control('snapshots/stand-in'), 0.5);
        return (name) => where(isPast, state(standIn(name)), live(name));
      },
    };
  },
};
