import { InputError } from '../artifacts/errors.ts';
import type { Floats } from '../graph-builder/arrays.ts';

// Runs in browsers too: no Node. What onnxruntime-node and onnxruntime-web have in common is said in our own types: those
// of either need packages or libraries that a user of the other may not have.

export interface RuntimeTensor {
  readonly type: string;
  readonly dims: readonly number[];
  readonly data: unknown;
  dispose(): void;
}

export interface Session {
  run(
    feeds: Readonly<Record<string, RuntimeTensor>>,
    outputs: readonly string[],
  ): Promise<Readonly<Record<string, RuntimeTensor>>>;
  release(): Promise<void>;
}

/** onnxruntime-node or onnxruntime-web. */
export interface Runtime {
  readonly Tensor: {
    new (type: 'float32', data: Float32Array, dims: readonly number[]): RuntimeTensor;
    new (type: 'int32', data: Int32Array, dims: readonly number[]): RuntimeTensor;
  };
  /**
   * @param source what messages call the model: its path
   * @throws InputError where the device cannot be used, or onnxruntime refuses the model.
   */
  readonly createSession: (bytes: Uint8Array, source: string) => Promise<Session>;
}

/** An input: elements and extents. */
export interface Feed {
  readonly data: Float32Array | Int32Array;
  readonly dims: readonly number[];
}

/** A model in a runtime: typed arrays in, typed arrays out. */
export class Model {
  readonly source: string;
  readonly #tensor: Runtime['Tensor'];
  readonly #session: Session;

  private constructor(tensor: Runtime['Tensor'], session: Session, source: string) {
    this.#tensor = tensor;
    this.#session = session;
    this.source = source;
  }

  /** @throws InputError as the runtime does. */
  static async load(runtime: Runtime, bytes: Uint8Array, source: string): Promise<Model> {
    return new Model(runtime.Tensor, await runtime.createSession(bytes, source), source);
  }

  /**
   * One run.
   *
   * @returns the elements of float32 `output`
   * @throws InputError where the output is not of the shape that was promised.
   */
  async run(
    feeds: Readonly<Record<string, Feed>>,
    output: string,
    shape: readonly number[],
  ): Promise<Floats> {
    const tensors = Object.fromEntries(
      Object.entries(feeds).map(([name, feed]) => [name, this.#toTensor(feed)]),
    );
    const result = (await this.#session.run(tensors, [output]))[output]!;
    const found = `${result.type} [${result.dims.join(', ')}]`;
    const promised = `float32 [${shape.join(', ')}]`;
    const data = result.data as Floats;
    result.dispose();
    if (found !== promised)
      throw new InputError(
        `${this.source}: damaged model (it gave ${found}, its metadata promise ${promised})`,
      );
    return data;
  }

  release(): Promise<void> {
    return this.#session.release();
  }

  #toTensor({ data, dims }: Feed): RuntimeTensor {
    return data instanceof Float32Array
      ? new this.#tensor('float32', data, dims)
      : new this.#tensor('int32', data, dims);
  }
}
