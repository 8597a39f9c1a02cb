import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type * as Ort from 'onnxruntime-node';
import { InputError } from '../artifacts/errors.ts';
import { readBytes } from '../artifacts/files.ts';
import { encoderFormat } from '../artifacts/metadata.ts';
import type { GeneratorMetadata } from '../artifacts/metadata.ts';
import { readModelInfo } from '../artifacts/onnx/decode.ts';
import { sliceSize } from './generator.ts';
import { createSession } from './onnxruntime-node.ts';
import type { SessionSettings } from './onnxruntime-node.ts';

/** The encoder of a VAE/GAN: images to the means of their latents. */
export class Encoder {
  readonly #ort: typeof Ort;
  readonly #session: Ort.InferenceSession;

  private constructor(ort: typeof Ort, session: Ort.InferenceSession) {
    this.#ort = ort;
    this.#session = session;
  }

  /** @throws InputError where it is no encoder of ganx, or one of another generator. */
  static async load(
    ort: typeof Ort,
    path: string,
    { zDim, shape }: GeneratorMetadata,
    settings: SessionSettings,
  ): Promise<Encoder> {
    const bytes = await readBytes(path);
    const { metadata, inputs, outputs } = readModelInfo(bytes, path);
    if (metadata.format !== encoderFormat)
      throw new InputError(`${path}: not a ganx encoder; expected the encoder.onnx of a ganx run`);
    const fits =
      String(inputs.find(({ name }) => name === 'images')?.shape.slice(1)) === String(shape) &&
      outputs.find(({ name }) => name === 'mean')?.shape[1] === zDim;
    if (!fits)
      throw new InputError(
        `${path}: encoder of another generator; expected images [${shape.join(', ')}] to ${zDim} latents`,
      );
    return new Encoder(ort, await createSession(ort, bytes, path, settings));
  }

  /** images [n, C, H, W] in [-1, 1] -> latents [n, zDim] */
  async encode(
    images: Float32Array,
    n: number,
    shape: readonly number[],
    zDim: number,
  ): Promise<Float32Array> {
    const { Tensor } = this.#ort;
    const size = images.length / n;
    const latents = new Float32Array(n * zDim);
    for (let start = 0; start < n; start += sliceSize) {
      const end = Math.min(start + sliceSize, n);
      const slice = new Tensor('float32', images.subarray(start * size, end * size), [end - start, ...shape]);
      const { mean } = await this.#session.run({ images: slice }, ['mean']);
      latents.set(mean!.data as Float32Array, start * zDim);
    }
    return latents;
  }

  release(): Promise<void> {
    return this.#session.release();
  }
}

/** encoder.onnx of a run's folder, where there is one. */
export async function encoderBeside(path: string): Promise<string | undefined> {
  const encoder = join(path, 'encoder.onnx');
  const found = await stat(encoder).catch(() => undefined);
  return found?.isFile() ? encoder : undefined;
}
