import { describe, expect, it } from 'vitest';
import type { Recipe } from '../../../graph-builder/recipe.ts';
import { uniformStream } from '../../../training/data/integer-hash.ts';
import { lossRange } from '../../../training/monitor/loss-range.ts';
import { presets } from '../../../training/presets.ts';

type Bounds = readonly [number, number];

const withLabels = (real: Bounds, fake: Bounds, swap = 0): Recipe => ({
  ...presets.dcgan!,
  techniques: { ...presets.dcgan!.techniques, softLabels: { real, fake, swap } },
});

describe('the range of the loss of D', () => {
  it('is 0 to 2 ln 2 with hard labels', () => {
    expect(lossRange(withLabels([1, 1], [0, 0]))).toEqual({
      perfect: 0,
      blind: 2 * Math.LN2,
      blindProbability: 0.5,
    });
  });

  it('starts at H(0.95) + H(0.15) = 0.199 + 0.423 with the soft labels of ganhacks', () => {
    const range = lossRange(withLabels([0.7, 1.2], [0, 0.3]))!;
    expect(range.perfect).toBeCloseTo(0.1985 + 0.4227, 4);
    expect(range.blindProbability).toBeCloseTo(0.55, 12);
  });

  it('starts higher where labels are swapped', () => {
    const range = lossRange(withLabels([0.7, 1.2], [0, 0.3], 0.05))!;
    // Means of 0.95 * 0.95 + 0.05 * 0.15 = 0.91 and 0.95 * 0.15 + 0.05 * 0.95 = 0.19.
    expect(range.perfect).toBeCloseTo(0.7888, 4);
    expect(range.blindProbability).toBeCloseTo(0.55, 12);
  });

  it('is not known for the losses of f-GAN', () => {
    expect(lossRange({ ...presets.dcgan!, loss: 'f-kl' })).toBeUndefined();
    expect(lossRange({ ...presets.dcgan!, loss: 'saturating' })).toBeDefined();
  });

  it('is what the best constant logits reach on targets drawn per sample, some of them above 1', () => {
    const range = lossRange(withLabels([0.7, 1.2], [0, 0.3]))!;
    const uniform = uniformStream(3, 4);
    const draw = ([low, high]: Bounds) =>
      Array.from({ length: 20_000 }, () => low + (high - low) * uniform());
    const [real, fake] = [draw([0.7, 1.2]), draw([0, 0.3])];
    const loss = (targets: readonly number[], logit: number) =>
      targets.reduce((sum, t) => sum + Math.log1p(Math.exp(logit)) - t * logit, 0) / targets.length;
    const logits = Array.from({ length: 161 }, (_, i) => -8 + i / 10);
    const best = (targets: readonly number[]) => Math.min(...logits.map((l) => loss(targets, l)));
    expect(best(real) + best(fake)).toBeCloseTo(range.perfect, 2);
    expect(Math.min(...logits.map((l) => loss(real, l) + loss(fake, l)))).toBeCloseTo(range.blind, 2);
  });

  it.each([
    [
      [1, 1.2],
      [0, 0.3],
    ],
    [
      [0.7, 1.2],
      [-0.3, 0],
    ],
  ] as const)('has no lower end where a mean target is outside [0, 1]: %j %j', (real, fake) => {
    expect(lossRange(withLabels(real, fake))).toBeUndefined();
  });
});
