import { ChunkSize } from '../chunks.ts';
import type { Chunk, Engine } from '../engine/engine.ts';

/** Milliseconds of a run, and runs that count: a second in all, so that choosing stays a matter of seconds. */
const runBudget = 250;
const runs = 4;
/** A program whose steps take next to nothing need not be warmed for longer. */
const mostWarmSteps = 4096;

/**
 * Milliseconds of a step: the shortest of some runs, because noise only adds.
 *
 * @param chunkAt the input of any steps
 * @throws the signal's reason when it is aborted
 */
export async function stepMilliseconds(
  engine: Engine,
  chunkAt: (step: number, steps: number) => Chunk,
  signal: AbortSignal,
): Promise<number> {
  const size = new ChunkSize(runBudget);
  let step = 0;
  const run = async () => {
    signal.throwIfAborted();
    const { steps } = size;
    const { milliseconds } = await engine.run(chunkAt(step, steps));
    step += steps;
    size.observe(steps, milliseconds);
    return { ofRun: milliseconds, ofStep: milliseconds / steps };
  };
  // The first runs allocate, compile what the device needs, and find out how many steps fit.
  while ((await run()).ofRun < runBudget / 2 && step < mostWarmSteps);
  let best = Infinity;
  for (let i = 0; i < runs; i++) best = Math.min(best, (await run()).ofStep);
  return best;
}
