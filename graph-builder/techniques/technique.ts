import type { Graph, Value } from '../graph.ts';
import type { Pass } from '../layers/pass.ts';
import type { RandomStreams } from '../random.ts';
import type { Recipe } from '../recipe.ts';

/** What a technique may use while a training step is being built. */
export interface StepContext {
  readonly graph: Graph;
  readonly random: RandomStreams;
  /** A scalar that the host sets anew for every step. */
  readonly control: (name: string) => Value;
}

export type Side = 'real' | 'fake';
/** Whose update the pass serves: D sees real and fake in its own step, and fakes again in G's. */
export type Phase = 'discriminator' | 'generator';

/** A scalar input of the training graph that follows a schedule, so that no schedule rebuilds a session. */
export interface Control {
  readonly name: string;
  /** Value at a step, counted from 0. */
  readonly at: (step: number) => number;
}

/** The places where a technique can enter a training step. All of them are optional; the program knows no technique. */
export interface TechniqueHooks {
  readonly controls?: readonly Control[];
  /** Changes what D sees. */
  readonly discriminatorInput?: (x: Value, side: Side, phase: Phase, step: StepContext) => Value;
  /** Targets of D's loss, of the shape of the logits, instead of 1 for real and 0 for fake. */
  readonly targets?: (logits: Value, side: Side, step: StepContext) => Value;
  /** Applied to the output of each of G's hidden layers, in training and, where it stays on, in the export. */
  readonly generatorLayer?: (pass: Pass, x: Value) => Value;
}

export interface Technique {
  /** Its number among the fourteen. */
  readonly number: number;
  readonly name: string;
  /** Its hooks under a recipe; undefined where the recipe leaves it off, which changes nothing in the graph. */
  readonly hooks: (recipe: Recipe) => TechniqueHooks | undefined;
}
