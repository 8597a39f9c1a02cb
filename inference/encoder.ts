import { InputError } from '../artifacts/errors.ts';
import { encoderFormat } from '../artifacts/metadata.ts';
import type { GeneratorMetadata } from '../artifacts/metadata.ts';
import { readModelSummary } from '../artifacts/onnx/summary.ts';
import type { Floats } from '../graph-builder/arrays.ts';
import { sliceSize } from './generator.ts';
import { Model } from './model.ts';
import type { Runtime } from './model.ts';
import type { ModelBytes } from './source.ts';

// Runs in browsers too: no Node.

/** The encoder of a VAE/GAN: images to the means of their latents. */
export class Encoder {
  readonly #model: Model;
  readonly #zDim: number;
  readonly #shape: readonly number[];

  private constructor(model: Model, { zDim, shape }: GeneratorMetadata) {
    this.#model = model;
    this.#zDim = zDim;
    this.#shape = shape;
  }

  /** @throws InputError where it is no encoder of ganx, or one of another generator. */
  static async load(
    runtime: Runtime,
    { bytes, source }: ModelBytes,
    generator: GeneratorMetadata,
  ): Promise<Encoder> {
    const { zDim, shape } = generator;
    const { metadata, inputs, outputs } = readModelSummary(bytes, source);
    if (metadata.format !== encoderFormat)
      throw new InputError(`${source}: not a ganx encoder; expected the encoder.onnx of a ganx run`);
    const fits =
      String(inputs.find(({ name }) => name === 'images')?.shape.slice(1)) === String(shape) &&
      outputs.find(({ name }) => name === 'mean')?.shape[1] === zDim;
    if (!fits)
      throw new InputError(
        `${source}: encoder of another generator; expected images [${shape.join(', ')}] to ${zDim} latents`,
      );
    return new Encoder(await Model.load(runtime, bytes, source), generator);
  }

  /** images [n, C, H, W] in [-1, 1] -> latents [n, zDim] */
  async encode(images: Float32Array, n: number): Promise<Floats> {
    const zDim = this.#zDim;
    const size = images.length / n;
    const latents = new Float32Array(n * zDim);
    for (let start = 0; start < n; start += sliceSize) {
      const end = Math.min(start + sliceSize, n);
      const data = images.subarray(start * size, end * size);
      const feeds = { images: { data, dims: [end - start, ...this.#shape] } };
      latents.set(await this.#model.run(feeds, 'mean', [end - start, zDim]), start * zDim);
    }
    return latents;
  }

  release(): Promise<void> {
    return this.#model.release();
  }
}
