import { describe, expect, it } from 'vitest';
import type { Telemetry } from '../../../graph-builder/program.ts';
import type { Recipe } from '../../../graph-builder/recipe.ts';
import { tensor } from '../../../graph-builder/types.ts';
import { divergedState } from '../../../training/monitor/divergence.ts';
import { Monitor, monitorStateSchema } from '../../../training/monitor/monitor.ts';
import { describeVerdict, ruleNames, verdictSchema } from '../../../training/monitor/verdict.ts';
import type { Verdict } from '../../../training/monitor/verdict.ts';
import { presets } from '../../../training/presets.ts';
import { changeRecipe } from '../../../training/recipe.ts';
import { made, recorded } from './telemetry.ts';

const [dcgan, vaegan, mlp] = [presets.dcgan!, presets.vaegan!, presets.mlp!];

/** Soft labels of which none is swapped. */
const softLabels = { real: [0.7, 1.2], fake: [0, 0.3], swap: 0 } as const;
const withoutSwaps = { ...dcgan, techniques: { ...dcgan.techniques, softLabels } };

const replay = (rows: readonly Telemetry[], recipe = dcgan): Verdict[] => {
  const monitor = new Monitor(recipe);
  return rows.flatMap((row, i) => monitor.observe(i + 1, row));
};
const grids = (diversities: readonly number[]): Verdict[] => {
  const monitor = new Monitor(dcgan);
  return diversities.flatMap((diversity, i) => monitor.observeGrid(250 * (i + 1), diversity));
};
const seen = (verdicts: readonly Verdict[]) => verdicts.map(({ rule, step }) => `${rule} ${step}`);

describe('healthy runs', () => {
  it.each([
    ['digits', dcgan, 2000],
    ['digits-without-swaps', withoutSwaps, 2000],
    ['vaegan', vaegan, 1700],
    ['ring8', mlp, 4000],
    ['grid25', mlp, 4000],
  ] as const)('%s: no verdict', (run, recipe, steps) => {
    const rows = recorded(run);
    expect(rows.length).toBe(steps);
    expect(replay(rows, recipe)).toEqual([]);
  });

  it('grids of the default run, from its first steps on, and of ring8 while it loses two modes', () => {
    expect(grids([0.87, 0.97, 0.98, 0.98, 0.98, 0.98, 0.97, 0.96])).toEqual([]);
    expect(grids([1.11, 1.02, 0.98, 0.99, 1.01, 0.97, 0.92, 0.86, 0.83, 0.73, 0.6, 0.6, 0.62])).toEqual([]);
  });
});

describe('each rule', () => {
  it('discriminator-won: D at its floor, which soft labels lift', () => {
    const atFloor = made(300, () => ({ dLoss: 0.63 }));
    const [verdict] = replay(atFloor, withoutSwaps);
    expect(seen(replay(atFloor, withoutSwaps))).toEqual(['discriminator-won 200']);
    expect(describeVerdict(verdict!)).toMatch(
      /^D's loss has reached its floor at step 200: 0\.63 over 200 steps, where a perfect D has 0\.621 and a guessing one 1\.38; that is 1\.\d+ % of the way \(limit 3 %\); D tells every real sample from every fake, so G no longer learns in which direction to go; try --set techniques\.softLabels\.swap=0\.05 or --set techniques\.instanceNoise\.std=0\.2 or --set optimizer\.discriminator\.learningRate=0\.0002 or --set techniques\.augmentation\.color=1 --set techniques\.augmentation\.translation=0\.125 --set techniques\.augmentation\.cutout=0\.5$/,
    );
    // The same loss is far from the floor of hard labels, and the loss of a D that wins there is below that of soft ones.
    expect(replay(atFloor, mlp)).toEqual([]);
    const [hard] = replay(
      made(300, () => ({ dLoss: 0.02 })),
      mlp,
    );
    expect(hard).toMatchObject({ rule: 'discriminator-won', threshold: 0.03 });
    expect(hard!.advice).toContain('--set techniques.softLabels.real=[0.7,1.2] or');
    // What klgan needs is not advised against.
    const [honest] = replay(
      made(300, () => ({ dLoss: 0.02 })),
      presets.klgan,
    );
    expect(honest!.advice).toMatch(
      /^--set techniques\.instanceNoise\.std=\S+ or --set optimizer\.discriminator\.learningRate=\S+ or --set techniques\.augmentation/,
    );
    // Nor what is on already, or is for images only.
    expect(hard!.advice).not.toContain('augmentation');
    const [mirrored] = replay(
      made(300, () => ({ dLoss: 0.02 })),
      changeRecipe(presets.klgan!, ['techniques.augmentation.mirror=0.5']),
    );
    expect(mirrored!.advice).not.toContain('augmentation');
  });

  it.each([
    ['discriminator', 'dGradNorm', 'D'],
    ['generator', 'gGradNorm', 'G'],
  ] as const)('%s-gradients: a norm above 100, but not single spikes', (network, column, letter) => {
    const spiky = made(400, (_, i) => (i % 5 ? {} : { [column]: 5000 }));
    expect(replay(spiky)).toEqual([]);
    const verdicts = replay(made(400, (progress) => ({ [column]: progress < 0.5 ? 90 : 143 })));
    expect(seen(verdicts)).toEqual([`${network}-gradients 250`]);
    expect(verdicts[0]!.finding).toBe(
      `the gradient of ${letter} is too large at step 250: norm 143, median of 50 steps (limit 100)`,
    );
    expect(verdicts[0]!.advice).toContain(`--set optimizer.${network}.learningRate=0.0002`);
  });

  it.each([
    ['generator', 'gGradNorm', true],
    ['discriminator', 'dGradNorm', false],
  ] as const)('batch norm is advised for a fully connected %s: %s %s', (_, column, advised) => {
    const [verdict] = replay(
      made(300, () => ({ [column]: 143 })),
      mlp,
    );
    expect(verdict!.advice.includes('network.normalization=batch')).toBe(advised);
  });

  it('the norm that is advised fits a penalty between real and fake', () => {
    const network = { ...dcgan.network, normalization: 'none' } as Recipe['network'];
    const gradientPenalty = { ...dcgan.techniques.gradientPenalty, between: 10 };
    const steep = made(300, () => ({ dGradNorm: 143 }));
    const advice = (techniques: Recipe['techniques']) =>
      replay(steep, { ...dcgan, network, techniques })[0]!.advice;
    expect(advice(dcgan.techniques)).toContain('--set network.normalization=batch');
    expect(advice({ ...dcgan.techniques, gradientPenalty })).toContain(
      '--set network.normalization=instance',
    );
  });

  it('unstable-discriminator: a loss that starts to swing, but not rare spikes', () => {
    const swing = (i: number) => ({ dLoss: 1 + 0.8 * Math.sin(i) });
    const verdicts = replay(made(1200, (progress, i) => (progress < 0.75 ? {} : swing(i))));
    expect(seen(verdicts)).toEqual(['unstable-discriminator 1000']);
    expect(verdicts[0]!.finding).toMatch(
      /^D's loss swings at step 1000: standard deviation 0\.\d+ over 200 steps, 0\.00\d+ before \(limit 0\.3\)$/,
    );
    expect(verdicts[0]!.advice).toContain('--batch 128');
    expect(replay(made(1200, (_, i) => (i % 10 ? {} : { dLoss: 6 })))).toEqual([]);
  });

  it('unstable-discriminator: a loss that has always swung', () => {
    expect(seen(replay(made(800, (_, i) => ({ dLoss: 3 + 3 * Math.sin(i) }))))).toEqual([
      'unstable-discriminator 700',
    ]);
  });

  it('unstable-discriminator: a distance may always swing, as it is in units of the data, but not start to', () => {
    const wasserstein = { ...dcgan, loss: 'wasserstein' } as const;
    const swing = (height: number, i: number) => ({ dLoss: height * Math.sin(i) - 40 });
    const always = made(1200, (_, i) => swing(3, i));
    expect(replay(always, wasserstein)).toEqual([]);
    const growing = made(1200, (progress, i) => swing(progress < 0.75 ? 3 : 30, i));
    expect(seen(replay(growing, wasserstein))).toEqual(['unstable-discriminator 1000']);
  });

  it('fooled-discriminator: G pays less and less and D believes it', () => {
    const falling = (progress: number) => ({ gLoss: 2 - 1.9 * progress });
    const verdicts = replay(
      made(600, (progress) => ({ ...falling(progress), dFake: 0.3 + 0.65 * progress })),
    );
    expect(seen(verdicts)).toEqual(['fooled-discriminator 500']);
    expect(verdicts[0]!.finding).toMatch(
      /^G's loss has fallen steadily from 1\.\d+ to 0\.\d+ in the 500 steps up to step 500, and D takes fakes for real with probability 0\.\d+ \(limit 0\.65\)$/,
    );
    expect(verdicts[0]!.meaning).toContain('garbage');
    expect(verdicts[0]!.advice).toBe(
      '--set optimizer.discriminator.learningRate=0.0008 or --set optimizer.generator.learningRate=0.0002',
    );
    // A G that gets better fools D as well, but never beyond a guess.
    expect(replay(made(600, (progress) => ({ ...falling(progress), dFake: 0.3 + 0.25 * progress })))).toEqual(
      [],
    );
  });

  it('divergence: a number that is none, at its very step', () => {
    const rows = made(30, (_, i) => (i === 28 ? { gLoss: NaN, dGradNorm: Infinity } : {}));
    const verdicts = replay(rows.slice(0, 29));
    expect(seen(verdicts)).toEqual(['divergence 29']);
    expect(verdicts[0]!.finding).toBe('training diverged at step 29: gLoss is NaN, dGradNorm is Infinity');
    expect(verdicts[0]).toMatchObject({ figure: null, threshold: null });
  });

  it('divergence: gradients from which nothing comes back', () => {
    const verdicts = replay(made(50, () => ({ gGradNorm: 3e7 })));
    expect(verdicts[0]!.finding).toBe(
      'training diverged at step 50: gGradNorm is 30000000, median of 50 steps (limit 1000000)',
    );
  });

  it('divergence: a state with a weight that is no number', () => {
    const state = (value: number) =>
      new Map([
        ['updates', tensor('int32', [7], [])],
        ['generator/weight', tensor('float32', [1, value], [2])],
      ]);
    expect(divergedState(8, state(2), dcgan)).toBeUndefined();
    expect(divergedState(8, state(-Infinity), dcgan)!.finding).toBe(
      'training diverged at step 8: generator/weight holds -Infinity',
    );
  });

  it('mode-collapse: never found variety, or lost it', () => {
    expect(seen(grids([0.01, 0.02, 0.02]))).toEqual(['mode-collapse 500']);
    const lost = grids([0.8, 1, 0.9, 0.45, 0.4, 0.3]);
    expect(seen(lost)).toEqual(['mode-collapse 1250']);
    expect(describeVerdict(lost[0]!)).toBe(
      'samples have collapsed at step 1250: 0.4 of the diversity of the data (limit 0.5); G answers different latents with nearly the same sample, or with a few; try --set optimizer.generator.learningRate=0.0002 or --set techniques.instanceNoise.std=0.2 or --batch 128',
    );
    // One bad grid is no collapse.
    expect(grids([0.8, 1, 0.4, 0.9, 1])).toEqual([]);
  });
});

describe('the monitor', () => {
  it('says a thing once, until it has been gone for 200 steps', () => {
    const high = (from: number, to: number) => (i: number) => i >= from && i < to;
    const bad = [high(100, 400), high(450, 600), high(900, 1000)];
    const rows = made(1200, (_, i) => (bad.some((test) => test(i)) ? { gGradNorm: 500 } : {}));
    expect(seen(replay(rows))).toEqual(['generator-gradients 150', 'generator-gradients 950']);
  });

  it('comes to the same verdicts when it is saved as JSON and loaded at any step', () => {
    const rows = made(1300, (progress, i) => ({
      gGradNorm: i % 600 < 300 ? 5 : 500,
      dLoss: progress < 0.7 ? 1 : 1 + Math.sin(i),
    }));
    const whole = replay(rows);
    expect(whole.length).toBeGreaterThan(2);
    for (const cut of [1, 49, 50, 377, 1010, 1049]) {
      const first = new Monitor(dcgan);
      const before = rows.slice(0, cut).flatMap((row, i) => first.observe(i + 1, row));
      const state = monitorStateSchema.parse(JSON.parse(JSON.stringify(first.state)));
      const second = new Monitor(dcgan, state);
      const after = rows.slice(cut).flatMap((row, i) => second.observe(cut + i + 1, row));
      expect([...before, ...after], `cut at ${cut}`).toEqual(whole);
    }
  });

  it('counts a grid once', () => {
    const monitor = new Monitor(dcgan);
    monitor.observeGrid(500, 0.1);
    expect(monitor.observeGrid(500, 0.1)).toEqual([]);
    expect(monitor.observeGrid(750, 0.1)).toHaveLength(1);
  });

  it('gives verdicts that survive JSON', () => {
    const [verdict] = replay(made(1, () => ({ gLoss: NaN })));
    expect(verdictSchema.parse(JSON.parse(JSON.stringify(verdict)))).toEqual(verdict);
    expect(ruleNames).toContain(verdict!.rule);
  });
});
