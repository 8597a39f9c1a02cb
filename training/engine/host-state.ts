import type * as Ort from 'onnxruntime-node';
import type { Layout } from '../../graph-builder/rewrites/layout.ts';
import type { Move } from '../../graph-builder/techniques/technique.ts';
import type { Tensor } from '../../graph-builder/types.ts';
import { fromOrt, toOrt } from './onnxruntime.ts';
import { release } from './release.ts';
import { fromLayout, toLayout } from './relayout.ts';
import { advanced } from './training-state.ts';
import type { TrainingState } from './training-state.ts';

/** The training state in arrays of JavaScript, each tensor as the training graph takes it. */
export class HostState implements TrainingState {
  readonly #ort: typeof Ort;
  readonly #layouts: ReadonlyMap<string, Layout>;
  #tensors = new Map<string, Ort.Tensor>();
  /** Tensors whose buffers others know too. */
  readonly #shared = new WeakSet<Ort.Tensor>();

  /** @param layouts of the tensors that the graph does not take plainly */
  constructor(ort: typeof Ort, layouts: ReadonlyMap<string, Layout>) {
    this.#ort = ort;
    this.#layouts = layouts;
  }

  restore(tensors: ReadonlyMap<string, Tensor>): void {
    this.#replace(new Map([...tensors].map(([name, value]) => [name, this.#store(name, value)])));
    this.#free(tensors.values());
  }

  get feeds(): ReadonlyMap<string, Ort.Tensor> {
    return this.#tensors;
  }

  advance(results: Ort.InferenceSession.OnnxValueMapType): void {
    this.#replace(advanced(this.#tensors, results));
  }

  move(moves: readonly Move[]): void {
    for (const { from, to } of moves) this.#tensors.set(to, this.#store(to, this.#read(from)));
  }

  plain(name: string): Ort.Tensor {
    return toOrt(this.#ort, this.#read(name));
  }

  all(): Promise<Map<string, Tensor>> {
    return Promise.resolve(new Map([...this.#tensors.keys()].map((name) => [name, this.#read(name)])));
  }

  dispose(): Promise<void> {
    return Promise.resolve();
  }

  #read(name: string): Tensor {
    const value = this.#tensors.get(name)!;
    const layout = this.#layouts.get(name);
    if (layout) return fromLayout(fromOrt(value), layout);
    this.#shared.add(value);
    return fromOrt(value);
  }

  #store(name: string, tensor: Tensor): Ort.Tensor {
    const layout = this.#layouts.get(name);
    return toOrt(this.#ort, layout ? toLayout(tensor, layout) : tensor);
  }

  #replace(tensors: Map<string, Ort.Tensor>): void {
    const previous = this.#tensors;
    this.#tensors = tensors;
    this.#free([...previous.values()].filter((value) => !this.#shared.has(value)));
  }

  /** Frees the buffers of tensors that no tensor of the state has too. */
  #free(tensors: Iterable<Ort.Tensor | Tensor>): void {
    const kept = new Set([...this.#tensors.values()].map(bufferOf));
    release([...tensors].map(bufferOf).filter((buffer) => !kept.has(buffer)));
  }
}

const bufferOf = ({ data }: Ort.Tensor | Tensor) => (data as Float32Array<ArrayBuffer>).buffer;
