import type { Graph, Value } from '../graph.ts';
import type { StateSpec } from '../initializer.ts';
import type { NetworkState, Pass } from '../layers/pass.ts';
import type { Judgement } from '../networks/network.ts';
import type { AdversarialLoss } from '../losses/adversarial.ts';
import type { Optimizer } from '../optimizers/optimizer.ts';
import type { RandomStreams } from '../random.ts';
import type { Recipe, SampleSpec } from '../recipe.ts';

export type Side = 'real' | 'fake';
/** Whose update the pass serves: D sees real and fake in its own step, and fakes again in G's. */
export type Phase = 'discriminator' | 'generator';
/** A network that is trained. */
export type Player = 'generator' | 'discriminator' | 'encoder';

export type NetworkStates = Readonly<Partial<Record<Player, NetworkState>>>;

/** What a technique may use while a training step is being built. */
export interface StepContext {
  readonly graph: Graph;
  readonly random: RandomStreams;
  /** A scalar that the host sets anew for every step. */
  readonly control: (name: string) => Value;
  /** Steps done before this one, int32 []. */
  readonly step: Value;
  /** A tensor of the state as it is at this place of the step. */
  readonly state: (name: string) => Value;
  readonly setState: (name: string, value: Value) => void;
  /** Tensors of the networks that are trained. */
  readonly networks: NetworkStates;
}

/** A batch that D has judged. */
export interface Judged extends Judgement {
  /** What D saw of it, noise and all. */
  readonly seen: Value;
}

/** The networks as a hybrid applies them; `label` tells several passes of a network apart. */
export interface HybridContext extends StepContext {
  /** The real batch as D sees it, before noise: [N, ...sample]. */
  readonly real: Value;
  readonly generate: (z: Value, label: string) => Value;
  readonly encode: (x: Value, label: string) => Value;
}

/** What a hybrid adds to a step. */
export interface Hybrid {
  /** Further fakes, which D learns from and G is to improve. */
  readonly fakes: Value;
  /** Called in G's phase, where D is constant. */
  readonly losses: (phase: {
    readonly judge: (x: Value, side: Side, label: string) => Judgement;
    /** G's adversarial loss on what D says. */
    readonly adversarial: (judgement: Judgement) => Value;
  }) => HybridLosses;
}

export interface HybridLosses {
  readonly encoder: Value;
  /** Added to G's adversarial loss. */
  readonly generator: Value;
  readonly telemetry: Readonly<Record<string, Value>>;
}

/** A scalar input of the training graph that follows a schedule, so that no schedule rebuilds a session. */
export interface Control {
  readonly name: string;
  /** Value at a step, counted from 0. */
  readonly at: (step: number) => number;
}

/** The host gives the state tensor `to` the value of `from`, between two steps. Costs nothing: no data is copied. */
export interface Move {
  readonly from: string;
  readonly to: string;
}

/** What both networks lost in a step; scalars. `dReal` and `dFake` are D's losses on each side. */
export interface Losses {
  readonly dLoss: Value;
  readonly dReal: Value;
  readonly dFake: Value;
  /** Known in G's phase only. */
  readonly gLoss?: Value;
}

/** Holds networks back. */
export interface Gate {
  /** Whether a network learns in this step: bool []. Otherwise its weights and moments stay as they are. */
  readonly learns: (network: 'generator' | 'discriminator', losses: Losses, step: StepContext) => Value;
  /** Most updates in a row that a network may skip, whatever holds it. */
  readonly cap: number;
}

/** The places where a technique can enter a training step. All of them are optional; the program knows no technique. */
export interface TechniqueHooks {
  // Data and latents
  /** Real samples as the networks see them, from what the data holds. */
  readonly data?: (real: Value) => Value;
  /** Draws a latent batch of this shape. */
  readonly latent?: (stream: string, shape: readonly number[], step: StepContext) => Value;
  /** Real batches, and updates of D, in a step; default 1. */
  readonly discriminatorSteps?: number;
  /** Whether labels are trained on. */
  readonly labelled?: true;

  // Inside the networks, in training and, where it stays on, in the export
  /** Latents with what else G is told, [N, any]. */
  readonly generatorInput?: (pass: Pass, z: Value) => Value;
  /** G's first map [N, C, 4, 4] with what else G is told. */
  readonly generatorMap?: (pass: Pass, map: Value) => Value;
  /** Applied to the output of each of G's hidden layers, counted from 0, `of` so many. */
  readonly generatorLayer?: (pass: Pass, x: Value, layer: number, of: number) => Value;
  /** Whether the exported generator draws random numbers of its own. */
  readonly randomAtInference?: true;
  /** D's last hidden layer, [N, F], on its way to the heads. */
  readonly features?: (pass: Pass, features: Value) => Value;
  /** Further outputs of D from its last hidden layer, by name. */
  readonly heads?: (pass: Pass, features: Value) => Readonly<Record<string, Value>>;
  /** A network besides G and D, from samples to latents. */
  readonly encoder?: (pass: Pass, x: Value) => Value;
  /** What that network adds to a step. */
  readonly hybrid?: (step: HybridContext) => Hybrid;

  // What a network is shown
  /** Changes what D sees. */
  readonly discriminatorInput?: (x: Value, side: Side, phase: Phase, step: StepContext) => Value;
  /** The fakes that D learns from, in place of G's of this step. */
  readonly fakes?: (fake: Value, step: StepContext) => Value;
  /** One batch of real and fake together, for D's own step. */
  readonly mixed?: true;
  /** Weights of a network in the step of the other one, in place of the live ones. */
  readonly weights?: (
    network: 'generator' | 'discriminator',
    live: (name: string) => Value,
    step: StepContext,
  ) => ((name: string) => Value) | undefined;

  // Losses
  readonly loss?: AdversarialLoss;
  /** Targets of D's loss, of the shape of the logits, instead of 1 for real and 0 for fake. */
  readonly targets?: (logits: Value, side: Side, step: StepContext) => Value;
  /** A loss on what D says of a batch, added to that of the network that learns. */
  readonly judged?: (judgement: Judgement, labels: Value, side: Side, phase: Phase) => Value | undefined;
  /**
   * A loss on how what D says of its two batches changes with what it sees of them, added to D's. `again` has D judge
   * other batches; absent where it mixes the samples of a batch, and so would say something else of a part of one.
   */
  readonly smoothness?: (
    judged: Readonly<Record<Side, Judged>>,
    again: ((seen: readonly Value[]) => readonly Judged[]) | undefined,
    step: StepContext,
  ) => Value;
  /** A loss on the weights themselves. */
  readonly penalty?: (
    player: Player,
    parameters: readonly { readonly name: string; readonly value: Value }[],
    step: StepContext,
  ) => Value | undefined;

  // Updates
  readonly optimizer?: (player: Player) => Optimizer;
  /** Factor of the learning rates at a step. */
  readonly rate?: (step: number) => number;
  readonly gate?: Gate;
  /** At the end of a step. */
  readonly after?: (step: StepContext) => void;

  // Beside the graph
  readonly controls?: readonly Control[];
  /** Tensors that it keeps between steps. */
  readonly state?: (networks: NetworkStates) => readonly StateSpec[];
  /** Moves of whole tensors before the steps whose number is a multiple of `every`. */
  readonly moves?: {
    readonly every: number;
    readonly at: (step: number, networks: NetworkStates) => readonly Move[];
  };
  /** Names of the further figures of a step that its hooks give. */
  readonly telemetry?: readonly string[];
}

export interface Technique {
  /** Its number among the fourteen. */
  readonly number: number;
  readonly name: string;
  /** The only kind of samples that it is for; default both. */
  readonly samples?: SampleSpec['kind'];
  /** Settings of a recipe, by path, with which it does nothing (or, where there must be one of several, the plain one). */
  readonly off: Readonly<Record<string, unknown>>;
  /** Which of its forms a recipe has, for the metadata; default its name. */
  readonly variants?: (recipe: Recipe) => string[];
  /** Its hooks under a recipe; undefined where the recipe leaves it off, which changes nothing in the graph. */
  readonly hooks: (recipe: Recipe, sample: SampleSpec) => TechniqueHooks | undefined;
}
