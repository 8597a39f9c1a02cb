import { gradients } from './autodiff.ts';
import { GraphError } from './errors.ts';
import type { Graph, Value } from './graph.ts';
import { Pass } from './layers/pass.ts';
import type { Judgement } from './networks/network.ts';
import { sigmoid } from './ops/activation.ts';
import { and } from './ops/comparison.ts';
import { add, mul, sqrt, sub, where } from './ops/elementwise.ts';
import { gather } from './ops/indexing.ts';
import { concat, reshape, slice } from './ops/movement.ts';
import { reduceMean, reduceSumSquare } from './ops/reduction.ts';
import { groupsOf, join, part } from './optimizers/group.ts';
import { applyOptimizer } from './optimizers/optimizer.ts';
import { averageName } from './plan.ts';
import type { Plan, StepInputs } from './plan.ts';
import { RandomStreams } from './random.ts';
import type { Hybrid, Judged, Losses, Phase, Player, Side, StepContext } from './techniques/technique.ts';

/** What D made of one real and one fake batch. */
type Sides = Readonly<Record<Side, Judged>>;

/** One step of all networks: the next state by name, and the telemetry vector. */
export function trainingStep(
  graph: Graph,
  plan: Plan,
  inputs: StepInputs,
): { next: Map<string, Value>; telemetry: Value } {
  const step = new Step(graph, plan, inputs);
  const turns = Array.from({ length: plan.discriminatorSteps }, (_, turn) => step.discriminatorTurn(turn));
  const last = turns.at(-1)!;
  const generator = step.generatorTurn(last);
  step.finish();
  return { next: step.next, telemetry: step.telemetry({ ...last.figures, ...generator }) };
}

type Figures = Readonly<Record<string, Value>>;

/** D's turn, and what G's goes on with. */
interface DiscriminatorTurn {
  readonly fake: Value;
  readonly fakeLabels: Value | undefined;
  readonly losses: Losses;
  readonly hybrid: Hybrid | undefined;
  readonly figures: Figures;
}

class Step {
  /** The state as it is at this place of the step, and at its end the next one. */
  readonly next: Map<string, Value>;
  readonly #graph: Graph;
  readonly #plan: Plan;
  readonly #inputs: StepInputs;
  readonly #random: RandomStreams;

  constructor(graph: Graph, plan: Plan, inputs: StepInputs) {
    this.#graph = graph;
    this.#plan = plan;
    this.#inputs = inputs;
    this.#random = RandomStreams.of(graph, inputs.seed, inputs.step);
    this.next = new Map(inputs.state);
  }

  /** An update of D on a real and a fake batch; turns after the first draw from streams of their own. */
  discriminatorTurn(turn: number): DiscriminatorTurn {
    const { recipe, hooks } = this.#plan;
    const { batch } = recipe;
    const context = this.#context(turn);
    const name = (label: string) => (turn === 0 ? label : `${label}-${turn + 1}`);
    const rows = (x: Value) =>
      this.#plan.discriminatorSteps === 1 ? x : slice(x, { 0: [turn * batch, (turn + 1) * batch] });

    const { real, labels, fakeLabels } = this.#graph.scope('data', () => ({
      real: hooks.reduce((x, hook) => hook.data?.(x) ?? x, rows(this.#inputs.real)),
      labels: this.#inputs.labels && rows(this.#inputs.labels),
      fakeLabels: this.#inputs.labels && context.random.index('labels', [batch], this.#plan.sample.classes!),
    }));
    const z = this.#latent('z', context);
    const fake = this.#generate(z, fakeLabels, context, turn === 0 ? undefined : name('fake'));
    // D learns from another generator's fakes where a technique puts one in G's place.
    const opponent = this.#opponent('generator', context);
    const made = opponent ? this.#generate(z, fakeLabels, context, name('opponent'), opponent) : fake;
    const shown = hooks.reduce((x, hook) => hook.fakes?.(x, context) ?? x, made);
    const hybrid = this.#hybrid(real, context);

    const sides = this.#compare(real, shown, context, name);
    const more =
      hybrid && this.#judge(hybrid.fakes, 'fake', 'discriminator', name('hybrid'), within(context, 'hybrid'));
    const { dLoss, ...halves } = this.#graph.scope('loss-discriminator', () => {
      const lossOf = (side: Side, { logits }: Judgement, by: StepContext) => {
        const targets = hooks.find((hook) => hook.targets)?.targets?.(logits, side, by);
        return this.#plan.loss.discriminator(logits, targets ?? (side === 'real' ? 1 : 0));
      };
      const dReal = lossOf('real', sides.real, context);
      // Fakes of two origins weigh together as much as those of one, and are asked for by the same targets.
      const onFake = lossOf('fake', sides.fake, context);
      const dFake = more ? mul(add(onFake, lossOf('fake', more, within(context, 'hybrid'))), 0.5) : onFake;
      return {
        dReal,
        dFake,
        dLoss: this.#sum([
          add(dReal, dFake),
          ...this.#judged(sides.real, labels, 'real', 'discriminator'),
          ...this.#judged(sides.fake, fakeLabels, 'fake', 'discriminator'),
          ...hooks.flatMap((hook) => hook.smoothness?.(sides, context) ?? []),
        ]),
      };
    });
    const losses: Losses = { dLoss, ...halves };
    const dGradNorm = this.#update('discriminator', dLoss, [], losses, context);
    return {
      fake,
      fakeLabels,
      losses,
      hybrid,
      figures: this.#graph.scope('telemetry', () => ({
        dLoss,
        dReal: meanProbability(sides.real.logits),
        dFake: meanProbability(sides.fake.logits),
        dGradNorm,
      })),
    };
  }

  /** An update of G against the updated D, whose own dependence on G is not differentiated. */
  generatorTurn({ fake, fakeLabels, losses, hybrid }: DiscriminatorTurn): Figures {
    const { loss, states } = this.#plan;
    const context = this.#context(0);
    const frozen = states.discriminator!.parameters.map(({ name }) => this.next.get(name)!);
    const opponent = this.#opponent('discriminator', context);
    const judge = (x: Value, side: Side, label: string, by: StepContext) =>
      this.#judge(x, side, 'generator', label, by, opponent);

    const judged = judge(fake, 'fake', 'judge', context);
    const { adversarial, added } = this.#graph.scope('loss-generator', () => ({
      adversarial: loss.generator(judged.logits),
      added: this.#judged(judged, fakeLabels, 'fake', 'generator'),
    }));
    const more = hybrid?.losses({
      judge: (x, side, label) => judge(x, side, label, within(context, label)),
      adversarial: ({ logits }) => loss.generator(logits),
    });
    const gLoss = this.#graph.scope('loss-generator', () =>
      this.#sum([adversarial, ...added, ...(more ? [more.generator] : [])]),
    );
    // Both from the weights as they were, whichever is updated first.
    const before = { ...losses, gLoss: adversarial };
    const encoderUpdate = more && this.#gradients('encoder', more.encoder, frozen, context);
    const gGradNorm = this.#update('generator', gLoss, frozen, before, context);
    if (encoderUpdate) this.#apply('encoder', encoderUpdate, undefined, context);
    return { gLoss, gGradNorm, ...more?.telemetry };
  }

  /** What is kept beside the networks: the average of G, and what techniques keep. */
  finish(): void {
    const { averaged, hooks } = this.#plan;
    const context = this.#context(0);
    this.#graph.scope('average', () => {
      if (!averaged.length) return;
      const decay = context.control('average/decay');
      const share = sub(1, decay);
      for (const group of groupsOf(averaged, ({ name }) => this.next.get(name)!)) {
        const values = group.map(({ name }) => this.next.get(name)!);
        const averages = join(group.map(({ name }) => this.next.get(averageName(name))!));
        const results = part(add(mul(averages, decay), mul(join(values), share)), values);
        group.forEach(({ name }, i) => this.next.set(averageName(name), results[i]!));
      }
    });
    this.#graph.scope('after', () => {
      for (const hook of hooks) hook.after?.(context);
    });
  }

  /** The figures in the order of the plan, as one vector. */
  telemetry(figures: Figures): Value {
    return this.#graph.scope('telemetry', () =>
      concat(
        this.#plan.telemetry.map((name) => reshape(figures[name]!, [1])),
        0,
      ),
    );
  }

  #context(turn: number): StepContext {
    return {
      graph: this.#graph,
      random: turn === 0 ? this.#random : this.#random.within(`turn${turn + 1}`),
      control: (name) => this.#control(name),
      step: this.#inputs.step,
      state: (name) => {
        const value = this.next.get(name);
        if (!value) throw new GraphError('state', `"${name}" is not declared by any technique`);
        return value;
      },
      setState: (name, value) => this.next.set(name, value),
      networks: this.#plan.states,
    };
  }

  #control(name: string): Value {
    const column = this.#plan.controls.findIndex((candidate) => candidate.name === name);
    if (column < 0) throw new GraphError('control', `"${name}" is not declared by any technique`);
    return this.#graph.scope('controls', () =>
      gather(this.#inputs.controls, this.#graph.scalar(column, 'int32')),
    );
  }

  #latent(stream: string, context: StepContext): Value {
    const { recipe, hooks } = this.#plan;
    const draw = hooks.find((hook) => hook.latent)?.latent;
    const shape = [recipe.batch, recipe.network.zDim];
    return this.#graph.scope('latent', () =>
      draw ? draw(stream, shape, context) : context.random.normal(stream, shape),
    );
  }

  /**
   * Applies a network. Its new statistics are kept, unless the weights are another's.
   *
   * @param weights instead of the live ones
   */
  #run<T>(
    network: Player,
    build: (pass: Pass, input: Value) => T,
    input: Value,
    context: StepContext,
    options: { label?: string | undefined; labels?: Value | undefined },
    weights?: (name: string) => Value,
  ): T {
    const { parameters, statistics } = this.#plan.states[network]!;
    const values = weights
      ? this.#graph.scope(
          'opponent',
          () => new Map([...parameters, ...statistics].map(({ name }) => [name, weights(name)])),
        )
      : this.next;
    const pass = new Pass({
      graph: this.#graph,
      network,
      values,
      training: true,
      random: context.random,
      control: context.control,
      labels: options.labels,
      ...(options.label === undefined ? {} : { label: options.label }),
    });
    const output = pass.run(build, input);
    if (!weights) for (const [name, value] of pass.updates) this.next.set(name, value);
    return output;
  }

  #generate(
    z: Value,
    labels: Value | undefined,
    context: StepContext,
    label?: string,
    weights?: (name: string) => Value,
  ): Value {
    const { generator } = this.#plan.networks;
    return this.#run('generator', generator, z, context, { label, labels }, weights);
  }

  #judge(
    x: Value,
    side: Side,
    phase: Phase,
    label: string,
    context: StepContext,
    weights?: (name: string) => Value,
  ): Judged {
    const { discriminator } = this.#plan.networks;
    const seen = this.#seen(x, side, phase, context);
    return { ...this.#run('discriminator', discriminator, seen, context, { label }, weights), seen };
  }

  #seen(x: Value, side: Side, phase: Phase, context: StepContext): Value {
    return this.#graph.scope('discriminator-input', () =>
      this.#plan.hooks.reduce((y, hook) => hook.discriminatorInput?.(y, side, phase, context) ?? y, x),
    );
  }

  /**
   * D on a real and a fake batch that never mix, unless a technique wants it so: in passes of their own, or in one where
   * D looks at every sample by itself.
   */
  #compare(real: Value, fake: Value, context: StepContext, name: (label: string) => string): Sides {
    const { hooks, recipe, networks } = this.#plan;
    if (networks.discriminatorMixes && !hooks.some((hook) => hook.mixed))
      return {
        real: this.#judge(real, 'real', 'discriminator', name('real'), context),
        fake: this.#judge(fake, 'fake', 'discriminator', name('fake'), context),
      };
    const [seenReal, seenFake] = [
      this.#seen(real, 'real', 'discriminator', context),
      this.#seen(fake, 'fake', 'discriminator', context),
    ];
    const both = this.#graph.scope('discriminator-input', () => concat([seenReal, seenFake], 0));
    const judged = this.#run('discriminator', networks.discriminator, both, context, {
      label: name('both'),
    });
    const half = (seen: Value, from: number): Judged => {
      const rows = (x: Value) =>
        this.#graph.scope(name('halves'), () => slice(x, { 0: [from, from + recipe.batch] }));
      return {
        seen,
        logits: rows(judged.logits),
        layers: judged.layers.map(rows),
        heads: new Map([...judged.heads].map(([head, x]) => [head, rows(x)])),
      };
    };
    return { real: half(seenReal, 0), fake: half(seenFake, recipe.batch) };
  }

  #hybrid(real: Value, context: StepContext): Hybrid | undefined {
    const { encoder } = this.#plan.networks;
    const hook = this.#plan.hooks.find(({ hybrid }) => hybrid)?.hybrid;
    if (!hook || !encoder) return undefined;
    return hook({
      ...context,
      real,
      generate: (z, label) => this.#generate(z, undefined, context, label),
      encode: (x, label) => this.#run('encoder', encoder, x, context, { label }),
    });
  }

  #judged(judgement: Judgement, labels: Value | undefined, side: Side, phase: Phase): Value[] {
    if (!labels) return [];
    return this.#plan.hooks.flatMap((hook) => hook.judged?.(judgement, labels, side, phase) ?? []);
  }

  /** Weights that stand in for a network's in the other one's turn; undefined for its own. */
  #opponent(
    network: 'generator' | 'discriminator',
    context: StepContext,
  ): ((name: string) => Value) | undefined {
    return this.#graph.scope('opponent', () =>
      this.#plan.hooks.reduce<((name: string) => Value) | undefined>(
        (found, hook) => hook.weights?.(network, found ?? context.state, context) ?? found,
        undefined,
      ),
    );
  }

  #update(
    network: 'generator' | 'discriminator',
    loss: Value,
    constants: readonly Value[],
    losses: Losses,
    context: StepContext,
  ): Value {
    const grads = this.#gradients(network, loss, constants, context);
    const gate = this.#graph.scope(`gate-${network}`, () => {
      const gates = this.#plan.hooks.flatMap((hook) => hook.gate?.(network, losses, context) ?? []);
      return gates.length ? gates.reduce((all, each) => and(all, each)) : undefined;
    });
    this.#apply(network, grads, gate, context);
    return this.#graph.scope(`update-${network}`, () => globalNorm(grads));
  }

  /** Gradients of a network's loss, penalties on its weights included. */
  #gradients(player: Player, loss: Value, constants: readonly Value[], context: StepContext): Value[] {
    const parameters = this.#plan.states[player]!.parameters.map(({ name }) => ({
      name,
      value: this.next.get(name)!,
    }));
    const whole = this.#graph.scope(`penalty-${player}`, () =>
      this.#sum([
        loss,
        ...this.#plan.hooks.flatMap((hook) => hook.penalty?.(player, parameters, context) ?? []),
      ]),
    );
    return gradients(
      whole,
      parameters.map(({ value }) => value),
      { constants },
    );
  }

  #apply(player: Player, grads: readonly Value[], gate: Value | undefined, context: StepContext): void {
    const specs = this.#plan.states[player]!.parameters;
    const updated = this.#graph.scope(`update-${player}`, () =>
      applyOptimizer(this.#plan.optimizers[player]!, {
        prefix: `optimizer/${player}`,
        learningRate: context.control(`${rateOf(player)}/learningRate`),
        parameters: specs.map(({ name }, i) => ({ name, value: this.next.get(name)!, gradient: grads[i]! })),
        state: context.state,
      }),
    );
    this.#graph.scope(`update-${player}`, () => {
      for (const [name, value] of updated)
        this.next.set(name, gate ? where(gate, value, this.next.get(name)!) : value);
    });
  }

  #sum(terms: readonly Value[]): Value {
    return terms.reduce((sum, term) => add(sum, term));
  }
}

/** The same place of the step with random streams of its own. */
const within = (context: StepContext, name: string): StepContext => ({
  ...context,
  random: context.random.within(name),
});

/** An encoder learns at G's rate. */
export const rateOf = (player: Player) => (player === 'encoder' ? 'generator' : player);

const meanProbability = (logits: Value): Value => reduceMean(sigmoid(logits));

/** L2 norm of all gradients of a network together. */
function globalNorm(grads: readonly Value[]): Value {
  const squares = groupsOf(grads, (grad) => grad).map((group) => reduceSumSquare(join(group)));
  return sqrt(squares.reduce((sum, square) => add(sum, square)));
}
