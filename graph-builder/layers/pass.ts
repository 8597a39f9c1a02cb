import { GraphError } from '../errors.ts';
import type { Graph, Value } from '../graph.ts';
import type { Initializer, StateSpec } from '../initializer.ts';
import type { RandomStreams } from '../random.ts';
import { formatShape, sameShape } from '../shape.ts';

/** What a network keeps: parameters are trained, statistics are updated by the pass itself. */
export interface NetworkState {
  readonly parameters: readonly StateSpec[];
  readonly statistics: readonly StateSpec[];
}

export interface PassOptions {
  readonly graph: Graph;
  /** Root of the names: `generator`, `discriminator`. */
  readonly network: string;
  /** Tells several passes of one network apart, in node names and random streams: `real`, `fake`. */
  readonly label?: string;
  /** Tensors by full name; where a name is missing the pass only declares it. */
  readonly values?: ReadonlyMap<string, Value>;
  /** Training normalises by the batch and updates statistics; inference uses the statistics. */
  readonly training: boolean;
  readonly random?: RandomStreams | undefined;
  /** Leaves out what is random: dropout and noise change nothing. */
  readonly deterministic?: boolean | undefined;
  /** Classes that the samples of the pass have or are to have, int32 [N]. */
  readonly labels?: Value | undefined;
  /** Scalars that change from step to step, such as the std of a decaying noise. */
  readonly control?: (name: string) => Value;
}

/** One application of a network: hands out its tensors and collects what it changes. */
export class Pass {
  readonly graph: Graph;
  readonly training: boolean;
  readonly declared: { parameters: StateSpec[]; statistics: StateSpec[] } = {
    parameters: [],
    statistics: [],
  };
  /** New values of statistics, by full name. */
  readonly updates = new Map<string, Value>();
  readonly #options: PassOptions;
  #path: string[];

  constructor(options: PassOptions) {
    this.graph = options.graph;
    this.training = options.training;
    this.#options = options;
    this.#path = [options.network];
  }

  /** Applies `build` under a name, which prefixes tensors, nodes and random streams. */
  scope<T>(name: string, build: () => T): T {
    const saved = this.#path;
    this.#path = [...saved, name];
    try {
      return this.graph.scope(name, build);
    } finally {
      this.#path = saved;
    }
  }

  /** Runs a whole network, a function that asks the pass for its tensors, under its name and label. */
  run<T>(network: (pass: Pass, input: Value) => T, input: Value): T {
    const { network: name, label } = this.#options;
    return this.graph.scope(label ? `${name}-${label}` : name, () => network(this, input));
  }

  parameter(name: string, shape: readonly number[], init: Initializer): Value {
    return this.#tensor('parameters', name, shape, init);
  }

  statistic(name: string, shape: readonly number[], init: Initializer): Value {
    return this.#tensor('statistics', name, shape, init);
  }

  /** Sets the next value of a statistic. */
  update(name: string, value: Value): void {
    this.updates.set(this.#name(name), value);
  }

  get deterministic(): boolean {
    return this.#options.deterministic ?? false;
  }

  get random(): RandomStreams {
    const { random } = this.#options;
    if (!random) throw new GraphError('pass', 'a random layer needs a seed', this.graph.scopePath);
    return random;
  }

  get labels(): Value {
    const { labels } = this.#options;
    if (!labels) throw new GraphError('pass', 'a conditional layer needs labels', this.graph.scopePath);
    return labels;
  }

  /** Name of a random stream of this place; passes of one network draw apart. */
  stream(name: string): string {
    const { label } = this.#options;
    return label ? `${this.#name(name)}@${label}` : this.#name(name);
  }

  control(name: string): Value {
    const { control } = this.#options;
    if (!control)
      throw new GraphError('pass', `control "${name}" is not available here`, this.graph.scopePath);
    return control(name);
  }

  #name(name: string): string {
    return [...this.#path, name].join('/');
  }

  #tensor(
    kind: 'parameters' | 'statistics',
    name: string,
    shape: readonly number[],
    init: Initializer,
  ): Value {
    const full = this.#name(name);
    if (this.declared[kind].some((spec) => spec.name === full))
      throw new GraphError('pass', `tensor "${full}" must be declared once`, this.graph.scopePath);
    this.declared[kind].push({ name: full, dtype: 'float32', shape, init });
    const { values } = this.#options;
    if (!values) return this.graph.input(full, 'float32', shape);
    const value = values.get(full);
    if (!value) throw new GraphError('pass', `tensor "${full}" is missing`, this.graph.scopePath);
    if (!sameShape(value.shape, shape))
      throw new GraphError(
        'pass',
        `tensor "${full}" has shape ${formatShape(value.shape)}, must be ${formatShape(shape)}`,
        this.graph.scopePath,
      );
    return value;
  }
}
