import { createHash } from 'node:crypto';
import type * as Ort from 'onnxruntime-node';
import { encodeModel } from '../../artifacts/onnx/encode.ts';
import { loadQuietRuntime } from '../../artifacts/onnxruntime-node.ts';
import { initialize } from '../../graph-builder/initializer.ts';
import { compile } from '../../graph-builder/rewrites/index.ts';
import type { Tensor } from '../../graph-builder/types.ts';
import { gather, labelsOf } from '../data/batch.ts';
import type { Dataset } from '../data/dataset.ts';
import { uniformStream } from '../data/integer-hash.ts';
import { EpochSampler } from '../data/sampler.ts';
import { fromOrt, sessionOptions, toOrt } from '../engine/onnxruntime.ts';
import { conditionalAccuracy } from './class-scores.ts';
import { checkDigits, digitImages, splitDigits } from './digit-data.ts';
import { loadDigitClassifier } from './digit-classifier.ts';
import { DigitJudge } from './digit-judge.ts';
import { digitClasses, digitShape, digitState, digitTrainingGraph } from './digit-network.ts';
import { shiftImages } from './shift-images.ts';

export interface DigitTrainingOptions {
  /** Of the first weights and of the order of the digits; default 0. */
  readonly seed?: number;
  /** Steps of 64 digits; default one for every 4 digits of the training part, from 2,000 to 6,000. */
  readonly steps?: number;
  /** Threads of onnxruntime; default 1, which gives the same judge whatever the cores. */
  readonly threads?: number;
  /** Steps done so far, of how many. */
  readonly onProgress?: (done: number, total: number) => void;
  /** Aborting rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

type Settings = DigitTrainingOptions & Required<Pick<DigitTrainingOptions, 'seed' | 'steps' | 'threads'>>;

/** The options with what is not said. */
export function digitTrainingSettings(dataset: Dataset, options: DigitTrainingOptions): Settings {
  const steps = Math.floor(splitDigits(dataset).training.length / 4);
  return { seed: 0, steps: Math.min(Math.max(steps, 2000), 6000), threads: 1, ...options };
}

const batch = 64;
/** Falls to 0 along half a cosine. */
const firstLearningRate = 2e-3;
/** Pixels by which digits are moved at random, so that few of them teach as much as many. */
const largestShift = 2;
/** Steps of a run, which blocks the thread. */
const stepsPerRun = 50;

/**
 * Trains a classifier of digits to judge generated ones by, and measures it on digits it has not seen. The same data,
 * seed, steps and threads give the same judge.
 *
 * @param dataset labelled digits of 32 x 32; a fifth of them, at most 10,000, are held out
 * @throws InputError for other data
 */
export async function trainDigitClassifier(
  dataset: Dataset,
  options: DigitTrainingOptions = {},
): Promise<DigitJudge> {
  checkDigits(dataset);
  const settings = digitTrainingSettings(dataset, options);
  const { seed, steps, threads } = settings;
  if (!Number.isSafeInteger(steps) || steps < 1)
    throw new RangeError(`steps ${steps} must be an integer >= 1`);
  const { training, heldOut } = splitDigits(dataset);
  const weights = await trainWeights(dataset, training, settings);
  const classifier = await loadDigitClassifier(weights, threads);
  const { probabilities } = await classifier.classify(digitImages(dataset, heldOut));
  const record = {
    data: dataset.name,
    dataSha256: digitsSha256(dataset),
    seed,
    steps,
    trainingDigits: training.length,
    heldOutDigits: heldOut.length,
    heldOutAccuracy: conditionalAccuracy(probabilities, labelsOf(dataset, heldOut), digitClasses),
  };
  return new DigitJudge(record, weights, classifier);
}

/** SHA-256 of a data set's samples and labels, in hex. */
export function digitsSha256({ data, labels }: Dataset): string {
  const hash = createHash('sha256').update(data);
  if (labels) hash.update(labels);
  return hash.digest('hex');
}

async function trainWeights(
  dataset: Dataset,
  training: Int32Array,
  { seed, steps, threads, onProgress, signal }: Settings,
): Promise<Map<string, Tensor>> {
  const ort = await loadQuietRuntime();
  const { parameters, all } = digitState();
  const model = encodeModel(compile(digitTrainingGraph(batch), 'cpu'));
  const session = await ort.InferenceSession.create(
    model,
    sessionOptions({ kind: 'cpu', index: 0 }, threads),
  );
  try {
    const sampler = new EpochSampler(training.length, seed);
    let state = new Map(all.map((spec) => [spec.name, toOrt(ort, initialize(spec, seed))]));
    for (let step = 0; step < steps; step += stepsPerRun) {
      signal?.throwIfAborted();
      const count = Math.min(stepsPerRun, steps - step);
      const indices = sampler.indices(step * batch, count * batch).map((i) => training[i]!);
      const images = gather(dataset, indices) as Uint8Array;
      shiftImages(images, digitShape[1], largestShift, uniformStream(seed, step));
      const rates = Float32Array.from({ length: count }, (_, k) => learningRate(step + k, steps));
      const results: Ort.InferenceSession.OnnxValueMapType = await session.run({
        ...Object.fromEntries(state),
        images: new ort.Tensor('uint8', images, [count, batch, ...digitShape]),
        labels: new ort.Tensor('int32', labelsOf(dataset, indices), [count, batch]),
        learningRates: new ort.Tensor('float32', rates, [count]),
        steps: new ort.Tensor('int64', BigInt64Array.of(BigInt(count)), []),
      });
      state = new Map(all.map(({ name }) => [name, results[`next/${name}`]!]));
      onProgress?.(step + count, steps);
    }
    return new Map(parameters.map(({ name }) => [name, fromOrt(state.get(name)!)]));
  } finally {
    await session.release();
  }
}

const learningRate = (step: number, steps: number): number =>
  (firstLearningRate * (1 + Math.cos((Math.PI * step) / steps))) / 2;
