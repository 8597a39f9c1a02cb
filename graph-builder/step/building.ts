import { GraphError } from '../errors.ts';
import type { Graph, Value } from '../graph.ts';
import { less } from '../ops/comparison.ts';
import { add, where } from '../ops/elementwise.ts';
import { gather } from '../ops/indexing.ts';
import type { Plan, StepInputs } from '../plan.ts';
import { RandomStreams } from '../random.ts';
import type { StepContext } from '../techniques/technique.ts';

/** A training step while it is built: its plan and inputs, and how far the state has come. */
export class Building {
  readonly graph: Graph;
  readonly plan: Plan;
  readonly inputs: StepInputs;
  /** The state as it is at this place of the step, and at its end the next one. */
  readonly next: Map<string, Value>;
  readonly #random: RandomStreams;
  /** Norms that are there when a batch of an update has been learnt from, one after the other. */
  readonly #learnt: Value[] = [];

  constructor(graph: Graph, plan: Plan, inputs: StepInputs) {
    this.graph = graph;
    this.plan = plan;
    this.inputs = inputs;
    this.#random = RandomStreams.of(graph, inputs.seed, inputs.step);
    this.next = new Map(inputs.state);
  }

  /** What techniques may use in a round of the step; rounds after the first draw from streams of their own. */
  context(round = 0): StepContext {
    return {
      graph: this.graph,
      random: round === 0 ? this.#random : this.#random.within(`turn${round + 1}`),
      control: (name) => this.#control(name),
      step: this.inputs.step,
      state: (name) => {
        const value = this.next.get(name);
        if (!value) throw new GraphError('state', `"${name}" is not declared by any technique`);
        return value;
      },
      setState: (name, value) => this.next.set(name, value),
      networks: this.plan.states,
    };
  }

  /** What is put `afterwards` now waits for this norm. */
  learnt(done: Value): void {
    this.#learnt.push(done);
  }

  /** What values were made to wait for, and do not depend on. */
  get awaited(): readonly Value[] {
    return this.#learnt;
  }

  /**
   * The same value, not before the last batch has been learnt from: a runtime would otherwise be free to hold the
   * activations of all batches at once.
   */
  afterwards(value: Value): Value {
    const done = this.#learnt.at(-1);
    // A norm is not below 0. Times 0 it would be 0 too, but no number where gradients have overflowed.
    return done ? this.graph.scope('afterwards', () => add(value, where(less(done, 0), 1, 0))) : value;
  }

  #control(name: string): Value {
    const column = this.plan.controls.findIndex((candidate) => candidate.name === name);
    if (column < 0) throw new GraphError('control', `"${name}" is not declared by any technique`);
    return this.graph.scope('controls', () =>
      gather(this.inputs.controls, this.graph.scalar(column, 'int32')),
    );
  }
}

/** The same place of the step with random streams of its own. */
export const within = (context: StepContext, name: string): StepContext => ({
  ...context,
  random: context.random.within(name),
});
