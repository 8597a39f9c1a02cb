import { InputError } from '../artifacts/errors.ts';
import { loadRuntime } from '../artifacts/onnxruntime-node.ts';
import { encodePng } from '../artifacts/png.ts';
import type { Bytes } from '../graph-builder/arrays.ts';
import { checkOptions } from './arguments.ts';
import { checkWorkers, hireCrew } from './crew/hire.ts';
import type { CrewSettings } from './crew/hire.ts';
import type { Backend, Drawable, Generator as GeneratorInterface, PictureOptions } from './generator.ts';
import { encoderBeside, readModel } from './node-files.ts';
import { sessionSettings } from './node-settings.ts';
import type { SessionSettings } from './node-settings.ts';
import { nodeRuntime } from './onnxruntime-node.ts';
import { pictureOf } from './picture.ts';
import type { RowRunner } from './rows.ts';
import { loadModels, ServedGenerator } from './served-generator.ts';
import type { LoadedModels } from './served-generator.ts';
import { checkSourceOptions, sourceOptions } from './source.ts';
import type { ModelSource, SourceOptions } from './source.ts';

export * from './common.ts';
export type { Device, SessionSettings } from './node-settings.ts';

export interface LoadSettings extends SessionSettings, CrewSettings, SourceOptions {
  /**
   * Compiles the generator for this processor when it is loaded, which takes some tenths of a second and more memory than
   * a second copy: calls for 64 samples and more take about 0.85 of the time. Default false; for the device `cpu`.
   * Each 64 samples of a call run so, what remains as without; they differ from those without by rounding, up to 1e-5
   * for usual latents, which is tested when it is loaded. Where it cannot be done, it is not, and `backend` says why.
   */
  readonly compile?: boolean;
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
      compile: true,
    });
    checkSourceOptions(settings);
    const generator = await readModel(source, 'generator', settings);
    const encoderSource = settings.encoder ?? (await encoderBeside(source));
    const encoder =
      encoderSource === undefined ? undefined : await readModel(encoderSource, 'encoder', settings);
    const runtime = nodeRuntime(await loadRuntime(), settings);
    checkWorkers(settings);
    checkCompile(settings);
    const { device = 'cpu', threads, workers, compile } = settings;
    const backend = { device, ...(threads !== undefined && { threads }) };
    const models = await loadModels(runtime, backend, generator, encoder);
    if (compile)
      return new Generator(
        await withRunner(
          models,
          { compiled: true },
          { compiled: false, reason: 'not compiled' },
          async () => {
            // Who does not ask for it does without the graph builder.
            const { CompiledModel } = await import('./compiled-model.ts');
            return CompiledModel.load(runtime, generator, models.generator);
          },
        ),
      );
    if (!workers) return new Generator(models);
    return new Generator(
      await withRunner(models, { workers }, { workers: 0, reason: 'no workers' }, () =>
        hireCrew(models.generator, generator, workers, settings),
      ),
    );
  }

  /** Images as a grid, points as a plot. */
  async toPng(samples: Drawable, options?: PictureOptions): Promise<Bytes> {
    return encodePng(pictureOf(samples, options));
  }
}

/**
 * The models with another runner for the generator's rows.
 *
 * @param had what the backend says then
 * @param lacked what it says where that runner cannot be had and they stay as they are
 */
async function withRunner(
  models: LoadedModels,
  had: Partial<Backend>,
  lacked: Partial<Backend>,
  make: () => Promise<RowRunner>,
): Promise<LoadedModels> {
  try {
    return { ...models, generator: await make(), backend: { ...models.backend, ...had } };
  } catch (error) {
    const reason = `${lacked.reason}: ${(error as Error).message}`;
    return { ...models, backend: { ...models.backend, ...lacked, reason } };
  }
}

function checkCompile({ compile = false, workers = 0, device = 'cpu' }: LoadSettings): void {
  if (typeof compile !== 'boolean')
    throw new InputError(`compile ${JSON.stringify(compile)} must be true or false`);
  if (compile && device !== 'cpu') throw new InputError(`compile is for the device cpu, not for ${device}`);
  if (compile && workers > 0)
    throw new InputError('compile and workers are two ways to draw many samples sooner; give one of them');
}
