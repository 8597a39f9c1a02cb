import type { Value } from '../graph.ts';
import { and, less, not } from '../ops/comparison.ts';
import { add, cast, div, mul, sub, where } from '../ops/elementwise.ts';
import { gather, scatterND } from '../ops/indexing.ts';
import { reshape } from '../ops/movement.ts';
import { GraphError } from '../errors.ts';
import { tensor } from '../types.ts';
import type { StepContext, Technique } from './technique.ts';

export interface ReplayOptions {
  /** Fakes that the pool holds. */
  readonly size: number;
  /** Probability that D is shown a fake of the pool, which then takes the new one in; 0 is off. */
  readonly probability: number;
}

export const replayOff: ReplayOptions = { size: 512, probability: 0 };

const poolName = 'replay/pool';

/**
 * 8. Experience replay (Shrivastava et al. 2017, section 2.3): a pool of past fakes. Once it is full, a fake changes
 * places with a random one of the pool with a given probability before D sees it, so that D does not forget what G
 * made earlier. A fake stays in the pool for size / (batch x probability) batches of fakes on average.
 */
export const replay: Technique = {
  number: 8,
  name: 'replay',
  off: { 'techniques.replay.probability': 0 },
  hooks: ({ techniques: { replay: options }, batch }, sample) => {
    const { size, probability } = options;
    if (probability === 0) return undefined;
    if (size < batch) throw new GraphError('replay', `size ${size} must be at least the batch, ${batch}`);
    return {
      controls: [{ name: 'replay/probability', at: () => probability }],
      state: () => [
        {
          name: poolName,
          dtype: 'float32',
          shape: [size, ...sample.shape],
          init: { kind: 'constant', value: 0 },
        },
      ],
      fakes: (fake, step) => exchange(fake, size, step),
    };
  },
};

/** What D sees instead of `fake`; the pool of the next step is set. */
function exchange(
  fake: Value,
  size: number,
  { graph, random, control, step, state, setState }: StepContext,
): Value {
  return graph.scope('replay', () => {
    const batch = fake.shape[0] as number;
    const pool = state(poolName);
    // As long as the pool is not full, every fake is shown, and those of the last batch of a step are stored.
    const filling = less(step, Math.ceil(size / batch));
    const stored = mul(step, batch);
    const start = where(filling, stored, reshape(random.index('replay/start', [1], size), []));
    const counter = add(
      graph.constant(
        tensor(
          'int32',
          Array.from({ length: batch }, (_, i) => i),
        ),
      ),
      start,
    );
    // Neighbouring slots from a random one on: distinct, so that no two fakes change with the same one.
    const slots = sub(counter, mul(div(counter, size), size));
    const chosen = random.event('replay/choice', [batch], control('replay/probability'));
    const isChosen = reshape(cast(chosen, 'bool'), [batch, ...fake.shape.slice(1).map(() => 1)]);
    const old = gather(pool, slots);
    const leaving = and(isChosen, not(filling));
    const shown = where(leaving, old, fake);
    const kept = where(leaving, fake, where(filling, fake, old));
    setState(poolName, scatterND(pool, reshape(slots, [batch, 1]), kept));
    return shown;
  });
}
