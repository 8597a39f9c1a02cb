import { Buffer } from 'node:buffer';
import { readFileSync } from 'node:fs';
import process from 'node:process';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { initialize } from '../../../dist/graph-builder/initializer.js';
import { buildProgram } from '../../../dist/graph-builder/program.js';
import { chunkSource } from '../../../dist/training/chunks.js';
import { createLocalEngine } from '../../../dist/training/engine/local-engine.js';
import { engineSpec } from '../../../dist/training/models.js';
import { noiseDataset } from '../../../dist/training/profiling/noise-dataset.js';

/*
 * The engine of the built library at work: `node --expose-gc train-in-process.js DEVICE STEPS MORE < JSON`, with
 * { recipe, sample } as JSON. Trains STEPS steps, the second half of them again from what the state was before it, and MORE
 * steps to see what they leave behind; prints what came of it as JSON.
 */
const [kind, steps, more] = process.argv.slice(2);
const { recipe, sample } = JSON.parse(readFileSync(0, 'utf8'));
const program = buildProgram(recipe, sample);
const initial = () => new Map(program.state.map((spec) => [spec.name, initialize(spec, 7)]));
const chunkAt = chunkSource(program, noiseDataset(program), 3);
const engine = await createLocalEngine(engineSpec(program, { kind, index: 0 }, 1));

/** One row of telemetry a step; the host's moves are made as training makes them. */
async function train(from, to) {
  const rows = [];
  for (let step = from; step < to; step++) {
    const moves = program.movesAt(step);
    if (moves.length) await engine.move(moves);
    rows.push([...(await engine.run(chunkAt(step, 1))).telemetry]);
  }
  return rows;
}

const bytesOf = ({ data }) => Buffer.from(data.buffer, data.byteOffset, data.byteLength);
const differing = (a, b) =>
  [...a.keys()].filter((name) => {
    const [x, y] = [a.get(name), b.get(name)];
    return x.dtype !== y.dtype || `${x.shape}` !== `${y.shape}` || !bytesOf(x).equals(bytesOf(y));
  });
async function residentBytes() {
  for (let i = 0; i < 3; i++) {
    globalThis.gc();
    await nextTurn();
  }
  return process.memoryUsage().rss;
}

await engine.restore(initial());
const changedByRoundTrip = differing(initial(), await engine.state());

const half = Math.floor(Number(steps) / 2);
const telemetry = await train(0, half);
const middle = await engine.state();
telemetry.push(...(await train(half, Number(steps))));
const end = await engine.state();
const z = { dtype: 'float32', shape: [2, recipe.network.zDim] };
const latents = { ...z, data: Float32Array.from({ length: 2 * recipe.network.zDim }, (_, i) => Math.sin(i)) };
const labels = program.labelled ? { dtype: 'int32', shape: [2], data: Int32Array.of(1, 2) } : undefined;
const drawn = await engine.generate(latents, 5, labels);

await engine.restore(middle);
const resumed = await train(half, Number(steps));
const changedByResume = differing(end, await engine.state());

const before = await residentBytes();
await train(Number(steps), Number(steps) + Number(more));
const grown = (await residentBytes()) - before;
await engine.dispose();
process.stdout.write(
  JSON.stringify({
    changedByRoundTrip,
    telemetry,
    resumed,
    changedByResume,
    drawn: [...drawn.data],
    state: [...end].map(([name, { data }]) => [name, [...data]]),
    stateBytes: [...end.values()].reduce((sum, { data }) => sum + data.byteLength, 0),
    grown,
  }),
);
