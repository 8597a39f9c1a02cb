import type { Progress, SampleOptions } from '../browser.ts';
import { Serial } from '../serial.ts';
import type { Answer, Drawn, Loaded, Question, Source } from './messages.ts';

const replaced = new Error('this generator has been replaced');

/** A generator in a worker, as the page sees it. */
export class Engine {
  readonly #worker = new Worker(new URL('./worker.ts', import.meta.url), { type: 'module' });
  readonly #calls = new Serial();
  #loaded: Loaded | undefined;
  #ended = false;
  #fail: (reason: Error) => void = () => undefined;

  /**
   * @param device `auto`: WebGPU where there is a graphics card, else wasm
   * @throws Error in words for the user
   */
  static async load(
    source: Source,
    device: 'auto' | 'wasm' | 'webgpu',
    onProgress: (progress: Progress) => void,
  ): Promise<Engine> {
    const engine = new Engine();
    try {
      const wasmPaths = new URL('ort/', document.baseURI).href;
      const answer = await engine.#ask({ load: source, device, wasmPaths }, onProgress);
      engine.#loaded = (answer as Extract<Answer, { loaded: unknown }>).loaded;
      return engine;
    } catch (error) {
      engine.end();
      throw error;
    }
  }

  get model(): Loaded {
    return this.#loaded!;
  }

  async sample(n: number, options: SampleOptions): Promise<Drawn> {
    const answer = await this.#ask({ sample: n, options });
    return (answer as Extract<Answer, { drawn: unknown }>).drawn;
  }

  /** What is under way, and what is asked later, fails. */
  end(): void {
    this.#ended = true;
    this.#worker.terminate();
    this.#fail(replaced);
  }

  #ask(question: Question, onProgress?: (progress: Progress) => void): Promise<Answer> {
    return this.#calls.run(
      () =>
        new Promise<Answer>((resolve, reject) => {
          if (this.#ended) throw replaced;
          this.#fail = reject;
          this.#worker.onmessage = ({ data }: MessageEvent<Answer>) => {
            if ('progress' in data) onProgress?.(data.progress);
            else if ('problem' in data) reject(new Error(data.problem));
            else resolve(data);
          };
          this.#worker.onerror = ({ message }) => {
            reject(
              new Error(`the worker that draws has failed: ${message || 'its script cannot be loaded'}`),
            );
          };
          this.#worker.postMessage(question);
        }),
    );
  }
}
