import type * as Ort from 'onnxruntime-node';
import type { Device } from '../../artifacts/device.ts';
import { InputError } from '../../artifacts/errors.ts';
import { readHead } from '../../artifacts/files.ts';
import { loadQuietRuntime } from '../../artifacts/onnxruntime-node.ts';
import { formatShape } from '../../graph-builder/shape.ts';
import { sessionOptions } from '../engine/onnxruntime.ts';

/** Images a run: networks as deep as Inception take tens of megabytes an image. */
const sliceSize = 32;

/** The Fréchet distance takes matrices of that many rows apart: minutes for 2,048, which is Inception's. */
const mostFeatures = 4096;

/** Feature vectors of images. */
export interface Features {
  /** float32 [n, width] */
  readonly data: Float32Array;
  readonly width: number;
}

/**
 * A network of the user's that makes feature vectors of images: Inception's pooled layer, DINO's, or the last hidden layer
 * of a classifier of one's own. It takes what a generator draws, float32 [N, C, H, W] in [-1, 1], and its first output is
 * [N, ...]: what else it needs, such as another size or range, is part of the model.
 */
export class FeatureNetwork {
  readonly #path: string;
  readonly #shape: readonly number[];
  readonly #ort: typeof Ort;
  readonly #session: Ort.InferenceSession;

  private constructor(
    path: string,
    shape: readonly number[],
    ort: typeof Ort,
    session: Ort.InferenceSession,
  ) {
    this.#path = path;
    this.#shape = shape;
    this.#ort = ort;
    this.#session = session;
  }

  /**
   * @param path an ONNX file @param shape of the images, [C, H, W]
   * @throws InputError where it is no ONNX model, or does not take such images
   */
  static async load(
    path: string,
    shape: readonly number[],
    device: Device,
    threads: number,
  ): Promise<FeatureNetwork> {
    // A file that cannot be read is told in our words.
    await readHead(path, 1);
    const ort = await loadQuietRuntime();
    let session;
    try {
      // By its path: weights may be in a file beside it.
      session = await ort.InferenceSession.create(path, sessionOptions(device, threads));
    } catch (cause) {
      throw new InputError(`${path}: onnxruntime cannot load it: ${(cause as Error).message}`, { cause });
    }
    const problem = problemOf(session, shape);
    if (problem === undefined) return new FeatureNetwork(path, shape, ort, session);
    await session.release();
    throw new InputError(
      `${path}: ${problem}, expected float32 [N, ${shape.join(', ')}] with an open N, images in [-1, 1], to float32 [N, ...]`,
    );
  }

  /**
   * @param count images, 1 or more
   * @param imagesAt n of them from one on, float32 [n, C, H, W] in [-1, 1]
   * @throws InputError where a feature is not finite, there are more than 4,096 of an image, or the model answers otherwise
   * than with [N, ...]
   */
  async features(
    count: number,
    imagesAt: (start: number, n: number) => Float32Array,
    onProgress: (done: number) => void = () => undefined,
  ): Promise<Features> {
    const [input, output] = [this.#session.inputNames[0]!, this.#session.outputNames[0]!];
    let all: Float32Array | undefined;
    for (let start = 0; start < count; start += sliceSize) {
      const n = Math.min(sliceSize, count - start);
      const images = new this.#ort.Tensor('float32', imagesAt(start, n), [n, ...this.#shape]);
      const { data, dims, type } = (await this.#session.run({ [input]: images }))[output]!;
      const found = data as Float32Array;
      if (type !== 'float32' || dims[0] !== n || found.length === 0)
        throw new InputError(
          `${this.#path}: output ${output} is ${type} ${formatShape([...dims])} for ${n} images, expected float32 [${n}, ...]`,
        );
      if (!found.every(Number.isFinite))
        throw new InputError(
          `${this.#path}: output ${output} is not finite for one of images ${start} to ${start + n - 1}`,
        );
      const width = found.length / n;
      if (width > mostFeatures)
        throw new InputError(
          `${this.#path}: output ${output} is ${formatShape([...dims])}, ${width} features an image, must be at most ${mostFeatures}; pool them in the model, by their mean over height and width for one`,
        );
      all ??= new Float32Array(count * width);
      all.set(found, start * width);
      onProgress(start + n);
    }
    return { data: all!, width: all!.length / count };
  }

  async dispose(): Promise<void> {
    await this.#session.release();
  }
}

/** What is wrong with the inputs and outputs of a model for such images. */
function problemOf(
  { inputMetadata, outputMetadata }: Ort.InferenceSession,
  shape: readonly number[],
): string | undefined {
  const [input] = inputMetadata;
  const [output] = outputMetadata;
  if (inputMetadata.length !== 1 || !input?.isTensor) return `has ${inputMetadata.length} inputs`;
  const wanted = [undefined, ...shape];
  const fits =
    input.type === 'float32' &&
    input.shape.length === wanted.length &&
    input.shape.every((extent, i) => typeof extent === 'string' || extent === wanted[i]);
  if (!fits) return `its input ${input.name} is ${input.type} ${formatShape([...input.shape])}`;
  if (output?.isTensor && output.type === 'float32') return undefined;
  return `its output ${output?.name} is ${output?.isTensor ? output.type : 'no tensor'}`;
}
