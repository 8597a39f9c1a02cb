import { gradients } from '../autodiff.ts';
import type { Value } from '../graph.ts';
import { and } from '../ops/comparison.ts';
import { add, mul, sqrt, sub } from '../ops/elementwise.ts';
import { reduceSumSquare } from '../ops/reduction.ts';
import { groupsOf, join, part } from '../optimizers/group.ts';
import { applyOptimizer } from '../optimizers/optimizer.ts';
import { averageName } from '../plan.ts';
import type { Losses, Player, StepContext } from '../techniques/technique.ts';
import type { Building } from './building.ts';
import { gateOf } from './update-gate.ts';
import { isFiniteNorm, LossScale, lossScaleFigure } from './loss-scale.ts';
import { sumOf } from './values.ts';

/** How the networks of a step learn: gradients, updates, and the average of G. */
export class Updates {
  readonly #building: Building;

  constructor(building: Building) {
    this.#building = building;
  }

  /** Gradients of a network's loss, penalties on its weights included, in the order of its parameters. */
  gradients(player: Player, loss: Value, constants: readonly Value[], context: StepContext): Value[] {
    const { graph, plan, next, awaited } = this.#building;
    const parameters = plan.states[player]!.parameters.map(({ name }) => ({ name, value: next.get(name)! }));
    const whole = graph.scope(`penalty-${player}`, () =>
      sumOf([loss, ...plan.hooks.flatMap((hook) => hook.penalty?.(player, parameters, context) ?? [])]),
    );
    const scale = this.#scaleOf(player);
    const grads = gradients(
      scale ? graph.scope(`loss-scale-${player}`, () => scale.scaled(whole)) : whole,
      parameters.map(({ value }) => value),
      { constants: [...constants, ...awaited] },
    );
    return scale ? graph.scope(`update-${player}`, () => scale.unscaled(grads)) : grads;
  }

  /**
   * Updates a network, unless a technique or an overflow holds it back; returns the L2 norm of its gradients together,
   * 0 where one of them overflowed.
   */
  update(
    network: 'generator' | 'discriminator',
    grads: readonly Value[],
    losses: Losses,
    context: StepContext,
  ): Value {
    const { graph, plan } = this.#building;
    const gate = graph.scope(`gate-${network}`, () => gateOf(plan.hooks, network, losses, context));
    return this.#apply(network, grads, gate, context);
  }

  /** Updates the encoder, which only an overflow holds back; returns the norm likewise. */
  updateEncoder(grads: readonly Value[], context: StepContext): Value {
    return this.#apply('encoder', grads, undefined, context);
  }

  /** The factors of the networks' losses, as figures of the step; none where losses are not scaled. */
  get lossScales(): Readonly<Record<string, Value>> {
    const players = Object.keys(this.#building.plan.states) as Player[];
    return Object.fromEntries(
      players.flatMap((player) => {
        const scale = this.#scaleOf(player);
        return scale ? [[lossScaleFigure(player), scale.factor] as const] : [];
      }),
    );
  }

  /** Moves the average of G's weights. */
  average(context: StepContext): void {
    const { graph, plan, next } = this.#building;
    const { averaged } = plan;
    graph.scope('average', () => {
      if (!averaged.length) return;
      const decay = context.control('average/decay');
      const share = sub(1, decay);
      for (const group of groupsOf(averaged, ({ name }) => next.get(name)!)) {
        const values = group.map(({ name }) => next.get(name)!);
        const averages = join(group.map(({ name }) => next.get(averageName(name))!));
        const results = part(add(mul(averages, decay), mul(join(values), share)), values);
        group.forEach(({ name }, i) => next.set(averageName(name), results[i]!));
      }
    });
  }

  /** Returns the norm of the gradients. */
  #apply(player: Player, grads: readonly Value[], gate: Value | undefined, context: StepContext): Value {
    const { graph, plan, next } = this.#building;
    const specs = plan.states[player]!.parameters;
    return graph.scope(`update-${player}`, () => {
      const norm = globalNorm(grads);
      const scale = this.#scaleOf(player);
      const finite = scale && isFiniteNorm(norm);
      const updated = applyOptimizer(plan.optimizers[player]!, {
        prefix: `optimizer/${player}`,
        learningRate: context.control(`${rateOf(player)}/learningRate`),
        parameters: specs.map(({ name }, i) => ({ name, value: next.get(name)!, gradient: grads[i]! })),
        state: context.state,
        gate: gate && finite ? and(gate, finite) : (gate ?? finite),
      });
      for (const [name, value] of updated) next.set(name, value);
      if (!finite) return norm;
      const figure = scale.figure(norm, finite);
      scale.update(finite);
      return figure;
    });
  }

  #scaleOf(player: Player): LossScale | undefined {
    return this.#building.plan.recipe.precision === 'mixed'
      ? new LossScale(this.#building, player)
      : undefined;
  }
}

/** The mean gradients of the batches of an update, added up one batch after the other. */
export class MeanGradients {
  readonly #building: Building;
  readonly #scope: string;
  #sum: readonly Value[] = [];

  constructor(building: Building, player: Player) {
    this.#building = building;
    this.#scope = `update-${player}`;
  }

  /** Takes a batch in; what the building puts `afterwards` then waits until it is. */
  add(grads: readonly Value[]): void {
    const { graph, plan } = this.#building;
    graph.scope(this.#scope, () => {
      this.#sum = this.#sum.length ? this.#sum.map((value, i) => add(value, grads[i]!)) : grads;
      if (plan.recipe.accumulate > 1) this.#building.learnt(globalNorm(this.#sum));
    });
  }

  /** Once all batches are in. */
  get mean(): readonly Value[] {
    const { graph, plan } = this.#building;
    const { accumulate } = plan.recipe;
    if (accumulate === 1) return this.#sum;
    return graph.scope(this.#scope, () => this.#sum.map((value) => mul(value, 1 / accumulate)));
  }
}

/** An encoder learns at G's rate. */
const rateOf = (player: Player) => (player === 'encoder' ? 'generator' : player);

/** L2 norm of all gradients of a network together. */
function globalNorm(grads: readonly Value[]): Value {
  const squares = groupsOf(grads, (grad) => grad).map((group) => reduceSumSquare(join(group)));
  return sqrt(squares.reduce((sum, square) => add(sum, square)));
}
