import { encodePng } from '../artifacts/png.ts';
import { checkOptions } from './arguments.ts';
import { checkWorkers, hireCrew } from './crew/hire.ts';
import type { CrewSettings } from './crew/hire.ts';
import type { Generator as GeneratorInterface, PictureOptions, Samples } from './generator.ts';
import { encoderBeside, readModel } from './node-files.ts';
import { loadRuntime, nodeRuntime, sessionSettings } from './onnxruntime-node.ts';
import type { SessionSettings } from './onnxruntime-node.ts';
import { pictureOf } from './picture.ts';
import { loadModels, ServedGenerator } from './served-generator.ts';
import { sourceOptions } from './source.ts';
import type { ModelSource, SourceOptions } from './source.ts';

export * from './common.ts';
export type { Device, SessionSettings } from './onnxruntime-node.ts';

export interface LoadSettings extends SessionSettings, CrewSettings, SourceOptions {
  /** An `encoder.onnx`; default: the one in the folder of the run, where a folder is loaded. */
  readonly encoder?: ModelSource;
}

/** A trained generator in Node, on onnxruntime-node. */
export class Generator extends ServedGenerator implements GeneratorInterface {
  /**
   * Loads a generator.
   *
   * @param source path or address of a `generator.onnx`, the folder of a run, or the file in memory
   * @throws InputError where it is no generator of ganx, or the device cannot be used.
   */
  static async load(source: ModelSource, settings: LoadSettings = {}): Promise<Generator> {
    checkOptions('settings', settings, {
      ...sessionSettings,
      ...sourceOptions,
      encoder: true,
      workers: true,
    });
    const generator = await readModel(source, 'generator', settings);
    const encoderSource = settings.encoder ?? (await encoderBeside(source));
    const encoder =
      encoderSource === undefined ? undefined : await readModel(encoderSource, 'encoder', settings);
    const runtime = nodeRuntime(await loadRuntime(), settings);
    checkWorkers(settings);
    const { device = 'cpu', threads, workers } = settings;
    const backend = { device, ...(threads !== undefined && { threads }) };
    const models = await loadModels(runtime, backend, generator, encoder);
    if (!workers) return new Generator(models);
    try {
      const crew = await hireCrew(models.generator, generator, workers, settings);
      return new Generator({ ...models, generator: crew, backend: { ...backend, workers } });
    } catch (error) {
      const reason = `no workers: ${(error as Error).message}`;
      return new Generator({ ...models, backend: { ...backend, workers: 0, reason } });
    }
  }

  /** Images as a grid, points as a plot. */
  async toPng(samples: Pick<Samples, 'data' | 'shape'>, options?: PictureOptions): Promise<Uint8Array> {
    return encodePng(pictureOf(samples, options));
  }
}
