import type * as Ort from 'onnxruntime-node';
import { InputError } from '../artifacts/errors.ts';
import { encodeModel } from '../artifacts/onnx/encode.ts';
import { loadQuietRuntime } from '../artifacts/onnxruntime-node.ts';
import { samplerGraph } from '../graph-builder/export.ts';
import type { GeneratorOptions } from '../graph-builder/export.ts';
import { latentNumbers } from '../graph-builder/hash.ts';
import type { TrainingProgram } from '../graph-builder/program.ts';
import { compile } from '../graph-builder/rewrites/index.ts';
import type { Tensor } from '../graph-builder/types.ts';
import { tensor } from '../graph-builder/types.ts';
import { sessionOptions, toOrt } from './engine/onnxruntime.ts';

/** Samples that are compared. */
const count = 4;
/**
 * Largest difference, against the largest value: fused kernels round otherwise, and half precision keeps 11 bits of a
 * weight. The latter is 2.5 steps of a byte.
 */
const tolerance = { float32: 1e-4, float16: 0.02 };

/**
 * Runs an exported generator beside the one that is drawn from in training, which takes its weights as inputs.
 *
 * @param tensors the generator's weights by name
 * @throws InputError where half precision changes the samples too much, Error where anything else does.
 */
export async function checkGenerator(
  model: Uint8Array,
  program: TrainingProgram,
  tensors: ReadonlyMap<string, Tensor>,
  { deterministic = false, half = false }: GeneratorOptions,
): Promise<void> {
  const sampler = encodeModel(compile(samplerGraph(program, { deterministic }), 'portable'));
  const { network, techniques } = program.recipe;
  const { zDim } = network;
  const classes = Math.max(1, program.sample.classes ?? 1);
  const feeds = new Map<string, Tensor>([
    ...tensors,
    [
      'z',
      { dtype: 'float32', shape: [count, zDim], data: latentNumbers(techniques.latent, 1, count * zDim) },
    ],
    ['seed', tensor('int32', [1], [])],
    [
      'label',
      tensor(
        'int32',
        Array.from({ length: count }, (_, i) => i % classes),
      ),
    ],
  ]);
  const ort = await loadQuietRuntime();
  const expected = await run(ort, sampler, feeds);
  const found = await run(ort, model, feeds);
  const scale = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 1);
  // Not a number is as far away as can be.
  const farthest = expected.reduce((most, value, i) => {
    const distance = Math.abs(value - found[i]!);
    return distance <= most ? most : Number.isNaN(distance) ? Infinity : distance;
  }, 0);
  const most = tolerance[half ? 'float16' : 'float32'] * scale;
  if (farthest <= most) return;
  const problem = `changes samples by ${farthest.toPrecision(2)}, must be at most ${most.toPrecision(2)}`;
  throw half
    ? new InputError(`--fp16: half precision ${problem} for these weights; leave it out`)
    : new Error(`generator.onnx: the export ${problem}`);
}

async function run(
  ort: typeof Ort,
  model: Uint8Array,
  feeds: ReadonlyMap<string, Tensor>,
): Promise<Float32Array> {
  const session = await ort.InferenceSession.create(model, sessionOptions({ kind: 'cpu', index: 0 }, 1));
  try {
    const taken = session.inputNames.map((name) => [name, toOrt(ort, feeds.get(name)!)] as const);
    const results = await session.run(Object.fromEntries(taken));
    return results[session.outputNames[0]!]!.data as Float32Array;
  } finally {
    await session.release();
  }
}
