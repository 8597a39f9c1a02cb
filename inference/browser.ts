import { withoutPlace } from '../artifacts/errors.ts';
import { checkOptions } from './arguments.ts';
import { drawPicture, imageDataOf, toPngBlob } from './canvas.ts';
import { readGenerator } from './generator-file.ts';
import type { Drawable, Generator as GeneratorInterface, PictureOptions } from './generator.ts';
import { checkDevice, sessionSettings, webgpuLacks, webRuntime } from './onnxruntime-web.ts';
import type { SessionSettings } from './onnxruntime-web.ts';
import { pictureOf } from './picture.ts';
import { loadModels, ServedGenerator } from './served-generator.ts';
import { checkSourceOptions, readSource, sourceOptions } from './source.ts';
import type { ModelSource, SourceOptions } from './source.ts';

export * from './common.ts';
export type { Device, SessionSettings } from './onnxruntime-web.ts';

export interface LoadSettings extends SessionSettings, SourceOptions {
  /** An `encoder.onnx`, for `reconstruct`. */
  readonly encoder?: ModelSource;
}

/** A trained generator in a browser, on onnxruntime-web: in a page or in a worker. */
export class Generator extends ServedGenerator implements GeneratorInterface {
  /**
   * Loads a generator. `backend` of the result says what it runs on and why.
   *
   * @param source address of a `generator.onnx`, or the file in memory: bytes, a File, Blob or Response
   * @throws InputError where it is no generator of ganx, or the device cannot be used.
   */
  static async load(source: ModelSource, settings: LoadSettings = {}): Promise<Generator> {
    checkOptions('settings', settings, { ...sessionSettings, ...sourceOptions, encoder: true });
    checkSourceOptions(settings);
    const device = checkDevice(settings.device ?? 'auto');
    const generator = await readSource(source, 'generator', settings);
    // Before a runtime of megabytes is fetched for it.
    readGenerator(generator);
    const encoder =
      settings.encoder === undefined ? undefined : await readSource(settings.encoder, 'encoder', settings);
    const start = async (on: 'wasm' | 'webgpu', reason?: string) => {
      const runtime = await webRuntime(on, settings, reason);
      return new Generator(await loadModels(runtime, runtime.backend, generator, encoder));
    };
    if (device !== 'auto') return start(device);
    const lacks = await webgpuLacks();
    if (lacks !== undefined) return start('wasm', lacks);
    try {
      const found = await start('webgpu', 'this browser has WebGPU');
      await found.#proveItRuns();
      return found;
    } catch (error) {
      // What onnxruntime said; the advice for those who asked for WebGPU is not for here.
      const { message } = ((error as Error).cause ?? error) as Error;
      return start('wasm', `WebGPU failed: ${withoutPlace(message)}`);
    }
  }

  /** Images as a grid, points as a plot. */
  toImageData(samples: Drawable, options?: PictureOptions): ImageData {
    return imageDataOf(pictureOf(samples, options));
  }

  /** The same on a canvas, which takes its size. */
  draw(canvas: HTMLCanvasElement | OffscreenCanvas, samples: Drawable, options?: PictureOptions): void {
    drawPicture(canvas, pictureOf(samples, options));
  }

  /** The same as a PNG of type `image/png`. */
  async toPng(samples: Drawable, options?: PictureOptions): Promise<Blob> {
    return toPngBlob(pictureOf(samples, options));
  }

  /** WebGPU compiles its shaders when they first run, so only then is it known to work. */
  async #proveItRuns(): Promise<void> {
    try {
      await this.sample(1);
    } catch (error) {
      await this.dispose();
      throw error;
    }
  }
}
