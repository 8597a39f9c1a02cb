import type * as Ort from 'onnxruntime-node';
import type { Move } from '../../graph-builder/techniques/technique.ts';
import type { Tensor } from '../../graph-builder/types.ts';
import { fromOrt, toOrt } from './onnxruntime.ts';
import { advanced } from './training-state.ts';
import type { TrainingState } from './training-state.ts';

/**
 * The training state in buffers of a device. What a run puts out is what the next one takes, so nothing is copied, and
 * a move gives a buffer a second name. Nobody but us frees such a buffer: that is done when no tensor has it any more.
 */
export class DeviceState implements TrainingState {
  readonly #ort: typeof Ort;
  readonly #createDownload: () => Promise<Ort.InferenceSession>;
  #download: Promise<Ort.InferenceSession> | undefined;
  #tensors = new Map<string, Ort.Tensor>();

  /**
   * @param createDownload a session on the device that copies each tensor of the state, from `<name>` to `host/<name>`,
   *   with its outputs on the host. A tensor's own `getData` would do in browsers; in Node it ends the process.
   */
  constructor(ort: typeof Ort, createDownload: () => Promise<Ort.InferenceSession>) {
    this.#ort = ort;
    this.#createDownload = createDownload;
  }

  /** The tensors lie on the host until the first run takes them to the device. */
  restore(tensors: ReadonlyMap<string, Tensor>): void {
    this.#replace(new Map([...tensors].map(([name, value]) => [name, toOrt(this.#ort, value)])));
  }

  get feeds(): ReadonlyMap<string, Ort.Tensor> {
    return this.#tensors;
  }

  advance(results: Ort.InferenceSession.OnnxValueMapType): void {
    this.#replace(advanced(this.#tensors, results));
  }

  move(moves: readonly Move[]): void {
    const tensors = new Map(this.#tensors);
    for (const { from, to } of moves) tensors.set(to, tensors.get(from)!);
    this.#replace(tensors);
  }

  plain(name: string): Ort.Tensor {
    return this.#tensors.get(name)!;
  }

  async all(): Promise<Map<string, Tensor>> {
    this.#download ??= this.#createDownload();
    const results = await (await this.#download).run(Object.fromEntries(this.#tensors));
    return new Map([...this.#tensors.keys()].map((name) => [name, fromOrt(results[`host/${name}`]!)]));
  }

  async dispose(): Promise<void> {
    this.#replace(new Map());
    await (await this.#download)?.release();
  }

  #replace(tensors: Map<string, Ort.Tensor>): void {
    const kept = new Set(tensors.values());
    for (const value of new Set(this.#tensors.values())) if (!kept.has(value)) value.dispose();
    this.#tensors = tensors;
  }
}
