import type { Graph, Value } from '../graph.ts';
import type { Judgement } from '../networks/network.ts';
import { sigmoid } from '../ops/activation.ts';
import { add, mul, sub } from '../ops/elementwise.ts';
import { concat, reshape, slice } from '../ops/movement.ts';
import { reduceMean } from '../ops/reduction.ts';
import type { Plan, StepInputs } from '../plan.ts';
import type { Hybrid, Losses, Phase, Side, StepContext } from '../techniques/technique.ts';
import { Building, within } from './building.ts';
import { encoderNormFigure } from './loss-scale.ts';
import { Players } from './players.ts';
import type { Sides } from './players.ts';
import { MeanGradients, Updates } from './updates.ts';
import { meanOf, sumOf } from './values.ts';

/** One step of all networks: the next state by name, and the telemetry vector. */
export function trainingStep(
  graph: Graph,
  plan: Plan,
  inputs: StepInputs,
): { next: Map<string, Value>; telemetry: Value } {
  const building = new Building(graph, plan, inputs);
  const step = new Step(building);
  const turns = Array.from({ length: plan.discriminatorSteps }, (_, turn) => step.discriminatorTurn(turn));
  const last = turns.at(-1)!;
  const generator = step.generatorTurn(last);
  step.finish();
  return { next: building.next, telemetry: step.telemetry({ ...last.figures, ...generator }) };
}

type Figures = Readonly<Record<string, Value>>;

/** One real and one fake batch before D, and what G's turn goes on with. */
interface Round {
  readonly real: Value;
  readonly z: Value;
  readonly fake: Value;
  readonly fakeLabels: Value | undefined;
  readonly sides: Sides;
  readonly losses: Losses;
  readonly hybrid: Hybrid | undefined;
}

/** D's turn: the batches whose mean it learnt from. */
interface DiscriminatorTurn {
  readonly rounds: readonly Round[];
  readonly losses: Losses;
  readonly figures: Figures;
}

class Step {
  readonly #building: Building;
  readonly #players: Players;
  readonly #updates: Updates;

  constructor(building: Building) {
    this.#building = building;
    this.#players = new Players(building);
    this.#updates = new Updates(building);
  }

  /** An update of D on the mean of its batches. */
  discriminatorTurn(turn: number): DiscriminatorTurn {
    const { graph, plan } = this.#building;
    const { accumulate } = plan.recipe;
    const gradients = new MeanGradients(this.#building, 'discriminator');
    const rounds = Array.from({ length: accumulate }, (_, i) =>
      this.#round(turn * accumulate + i, gradients),
    );
    const losses = graph.scope('loss-discriminator', () => ({
      dLoss: meanOf(rounds.map((round) => round.losses.dLoss)),
      dReal: meanOf(rounds.map((round) => round.losses.dReal)),
      dFake: meanOf(rounds.map((round) => round.losses.dFake)),
    }));
    const dGradNorm = this.#updates.update(
      'discriminator',
      gradients.mean,
      losses,
      this.#building.context(turn * accumulate),
    );
    const probability = (side: Side) =>
      meanOf(rounds.map(({ sides }) => meanProbability(sides[side].logits)));
    return {
      rounds,
      losses,
      figures: graph.scope('telemetry', () => ({
        dLoss: losses.dLoss,
        dReal: probability('real'),
        dFake: probability('fake'),
        dGradNorm,
      })),
    };
  }

  /** An update of G against the updated D, whose own dependence on G is not differentiated. */
  generatorTurn({ rounds, losses }: DiscriminatorTurn): Figures {
    const { graph, plan, next } = this.#building;
    const frozen = plan.states.discriminator!.parameters.map(({ name }) => next.get(name)!);
    const gradients = {
      generator: new MeanGradients(this.#building, 'generator'),
      encoder: new MeanGradients(this.#building, 'encoder'),
    };
    const turns = rounds.map((round, i) => this.#generatorRound(round, i, frozen, gradients));
    const context = this.#building.context();
    const { adversarial, gLoss } = graph.scope('loss-generator', () => ({
      adversarial: meanOf(turns.map((turn) => turn.adversarial)),
      gLoss: meanOf(turns.map((turn) => turn.gLoss)),
    }));
    const gGradNorm = this.#updates.update(
      'generator',
      gradients.generator.mean,
      { ...losses, gLoss: adversarial },
      context,
    );
    const eGradNorm = plan.networks.encoder && this.#updates.updateEncoder(gradients.encoder.mean, context);
    const further = Object.keys(turns[0]!.telemetry);
    return {
      gLoss,
      gGradNorm,
      ...(eGradNorm ? { [encoderNormFigure]: eGradNorm } : {}),
      ...graph.scope('telemetry', () =>
        Object.fromEntries(further.map((name) => [name, meanOf(turns.map((turn) => turn.telemetry[name]!))])),
      ),
    };
  }

  /** What is kept beside the networks: the average of G, and what techniques keep. */
  finish(): void {
    const { graph, plan } = this.#building;
    const context = this.#building.context();
    this.#updates.average(context);
    graph.scope('after', () => {
      for (const hook of plan.hooks) hook.after?.(context);
    });
  }

  /** The figures in the order of the plan, as one vector. */
  telemetry(figures: Figures): Value {
    const { graph, plan } = this.#building;
    const known: Figures = { ...figures, ...this.#updates.lossScales };
    return graph.scope('telemetry', () =>
      concat(
        plan.telemetry.map((name) => reshape(known[name]!, [1])),
        0,
      ),
    );
  }

  /** D on a real and a fake batch, and what it learns from them. */
  #round(round: number, gradients: MeanGradients): Round {
    const { graph, plan, inputs } = this.#building;
    const { recipe, hooks } = plan;
    const { batch, accumulate } = recipe;
    const context = this.#building.context(round);
    const name = nameIn(round);
    const isOnly = plan.discriminatorSteps * accumulate === 1;
    const rows = (x: Value) => (isOnly ? x : slice(x, { 0: [round * batch, (round + 1) * batch] }));

    const { real, labels, fakeLabels } = graph.scope('data', () => ({
      real: this.#building.afterwards(hooks.reduce((x, hook) => hook.data?.(x) ?? x, rows(inputs.real))),
      labels: inputs.labels && rows(inputs.labels),
      fakeLabels: inputs.labels && context.random.index('labels', [batch], plan.sample.classes!),
    }));
    const z = this.#building.afterwards(this.#players.latent('z', context));
    const fake = this.#players.generate(z, fakeLabels, context, round === 0 ? undefined : name('fake'));
    // D learns from another generator's fakes where a technique puts one in G's place.
    const opponent = this.#players.opponent('generator', context);
    const made = opponent ? this.#players.generate(z, fakeLabels, context, name('opponent'), opponent) : fake;
    const shown = hooks.reduce((x, hook) => hook.fakes?.(x, context) ?? x, made);
    const hybrid = this.#players.hybrid(real, context);

    const sides = this.#players.compare(real, shown, context, name);
    const ofHybrid = within(context, 'hybrid');
    const more =
      hybrid && this.#players.judge(hybrid.fakes, 'fake', 'discriminator', name('hybrid'), ofHybrid);
    const again = plan.networks.discriminatorMixes
      ? undefined
      : (seen: readonly Value[]) =>
          this.#players.judgeTogether(seen, context, (label) => name(`${label}-again`));
    const { dLoss, ...halves } = graph.scope('loss-discriminator', () => {
      const lossOf = (side: Side, of: Judgement, other: Judgement, by: StepContext) => {
        const logits = this.#asked(of, other);
        const targets = hooks.find((hook) => hook.targets)?.targets?.(logits, side, by);
        return plan.loss.discriminator(logits, targets ?? (side === 'real' ? 1 : 0));
      };
      const dReal = lossOf('real', sides.real, sides.fake, context);
      // Fakes of two origins weigh together as much as those of one, and are asked for by the same targets.
      const onFake = lossOf('fake', sides.fake, sides.real, context);
      const dFake = more ? mul(add(onFake, lossOf('fake', more, sides.real, ofHybrid)), 0.5) : onFake;
      return {
        dReal,
        dFake,
        dLoss: sumOf([
          add(dReal, dFake),
          ...this.#judged(sides.real, labels, 'real', 'discriminator'),
          ...this.#judged(sides.fake, fakeLabels, 'fake', 'discriminator'),
          ...hooks.flatMap((hook) => hook.smoothness?.(sides, again, context) ?? []),
        ]),
      };
    });
    gradients.add(this.#updates.gradients('discriminator', dLoss, [], context));
    return { real, z, fake, fakeLabels, sides, losses: { dLoss, ...halves }, hybrid };
  }

  /** G before the updated D, on the fakes of a round, and what it and an encoder learn from that. */
  #generatorRound(
    { real, z, fake: first, fakeLabels, hybrid }: Round,
    round: number,
    frozen: readonly Value[],
    gradients: Readonly<Record<'generator' | 'encoder', MeanGradients>>,
  ) {
    const { graph, plan } = this.#building;
    const { loss } = plan;
    const context = this.#building.context(round);
    const name = nameIn(round);
    const opponent = this.#players.opponent('discriminator', context);
    const judge = (x: Value, side: Side, label: string, by: StepContext) =>
      this.#players.judge(x, side, 'generator', name(label), by, opponent);

    // With several batches drawn again, instead of keeping G's activations on all of them since D's turn.
    const fake =
      plan.recipe.accumulate === 1
        ? first
        : this.#players.generate(
            this.#building.afterwards(z),
            fakeLabels,
            context,
            name('again'),
            context.state,
          );
    const judged = judge(fake, 'fake', 'judge', context);
    const onReal = loss.isRelative
      ? judge(this.#building.afterwards(real), 'real', 'judge-opposite', context)
      : undefined;
    const { adversarial, added } = graph.scope('loss-generator', () => ({
      adversarial: loss.generator(this.#asked(judged, onReal)),
      added: this.#judged(judged, fakeLabels, 'fake', 'generator'),
    }));
    const more = hybrid?.losses({
      judge: (x, side, label) => judge(x, side, label, within(context, label)),
      adversarial: (judgement) => loss.generator(this.#asked(judgement, onReal)),
    });
    const gLoss = graph.scope('loss-generator', () =>
      sumOf([adversarial, ...added, ...(more ? [more.generator] : [])]),
    );
    // Both from the weights as they were, whichever is updated first.
    if (more) gradients.encoder.add(this.#updates.gradients('encoder', more.encoder, frozen, context));
    gradients.generator.add(this.#updates.gradients('generator', gLoss, frozen, context));
    return { adversarial, gLoss, telemetry: more?.telemetry ?? {} };
  }

  /** The logits that the loss is asked for: D's own, or how far they are above those of the other side. */
  #asked({ logits }: Judgement, other: Judgement | undefined): Value {
    return this.#building.plan.loss.isRelative ? sub(logits, other!.logits) : logits;
  }

  #judged(judgement: Judgement, labels: Value | undefined, side: Side, phase: Phase): Value[] {
    if (!labels) return [];
    return this.#building.plan.hooks.flatMap((hook) => hook.judged?.(judgement, labels, side, phase) ?? []);
  }
}

/** Labels of passes, told apart by round. */
const nameIn = (round: number) => (label: string) => (round === 0 ? label : `${label}-${round + 1}`);

const meanProbability = (logits: Value): Value => reduceMean(sigmoid(logits));
