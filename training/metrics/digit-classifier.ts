import { encodeModel } from '../../artifacts/onnx/encode.ts';
import { loadQuietRuntime } from '../../artifacts/onnxruntime-node.ts';
import { compile } from '../../graph-builder/rewrites/index.ts';
import { sizeOf } from '../../graph-builder/shape.ts';
import type { Tensor } from '../../graph-builder/types.ts';
import { sessionOptions } from '../engine/onnxruntime.ts';
import { digitClasses, digitClassifierGraph, digitFeatures, digitShape } from './digit-network.ts';

/** What the classifier says of n images. */
export interface Judgement {
  /** float32 [n, 10] */
  readonly probabilities: Float32Array;
  /** float32 [n, 64] */
  readonly features: Float32Array;
}

/** A trained classifier, loaded into onnxruntime. */
export interface DigitClassifier {
  /**
   * Class probabilities and features of images. The same images give the same numbers.
   *
   * @param images float32 [n, 1, 32, 32] in [-1, 1], n >= 1
   * @throws RangeError for a part of an image, or a value that is not finite
   */
  classify(images: Float32Array): Promise<Judgement>;
  dispose(): Promise<void>;
}

/** Images a run. Always the same slices, so that the same images get the same numbers. */
const sliceSize = 256;

/**
 * @param weights by name, as `digitState` lists them
 * @param threads of onnxruntime; their number may change the last digits of what comes out
 */
export async function loadDigitClassifier(
  weights: ReadonlyMap<string, Tensor>,
  threads: number,
): Promise<DigitClassifier> {
  const ort = await loadQuietRuntime();
  const model = encodeModel(compile(digitClassifierGraph(weights), 'portable'));
  const session = await ort.InferenceSession.create(
    model,
    sessionOptions({ kind: 'cpu', index: 0 }, threads),
  );
  return {
    classify: async (images) => {
      const [n, size] = [countOf(images), sizeOf(digitShape)];
      const probabilities = new Float32Array(n * digitClasses);
      const features = new Float32Array(n * digitFeatures);
      for (let start = 0; start < n; start += sliceSize) {
        const end = Math.min(start + sliceSize, n);
        const slice = images.subarray(start * size, end * size);
        const output = await session.run({
          images: new ort.Tensor('float32', slice, [end - start, ...digitShape]),
        });
        probabilities.set(output.probabilities!.data as Float32Array, start * digitClasses);
        features.set(output.features!.data as Float32Array, start * digitFeatures);
      }
      return { probabilities, features };
    },
    dispose: () => session.release(),
  };
}

function countOf(images: Float32Array): number {
  const size = sizeOf(digitShape);
  const n = images.length / size;
  if (!Number.isInteger(n) || n < 1)
    throw new RangeError(
      `images: ${images.length} numbers, must be 1 or more times ${digitShape.join(' x ')}`,
    );
  const broken = images.findIndex((value) => !Number.isFinite(value));
  if (broken >= 0)
    throw new RangeError(
      `images: image ${Math.floor(broken / size)} holds ${images[broken]}, must be finite`,
    );
  return n;
}
