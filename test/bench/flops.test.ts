import { describe, expect, it } from 'vitest';
import { cases } from '../../bench/cases.ts';
import { flopsOf, heaviestProduct, productsOf } from '../../bench/flops.ts';
import { stepFlops } from '../../bench/step.ts';
import { gradients } from '../../graph-builder/autodiff.ts';
import { Graph } from '../../graph-builder/graph.ts';
import { buildProgram } from '../../graph-builder/program.ts';
import { compile } from '../../graph-builder/rewrites/index.ts';
import { conv, convTranspose } from '../../graph-builder/ops/convolution.ts';
import { gemm, matmul } from '../../graph-builder/ops/matmul.ts';
import { reduceSum } from '../../graph-builder/ops/reduction.ts';

const graph = new Graph('products');
const input = (name: string, ...shape: number[]) => graph.input(name, 'float32', shape);
const flopsOfOutput = (build: (g: Graph) => void) => {
  const g = new Graph('one');
  build(g);
  return flopsOf(g);
};

describe('operations of a graph', () => {
  it('are 2 m n k of a Gemm, whichever operand is transposed', () => {
    const count = flopsOfOutput((g) => {
      gemm(g.input('a', 'float32', [3, 5]), g.input('b', 'float32', [7, 5]), { transB: true });
      gemm(g.input('c', 'float32', [5, 3]), g.input('d', 'float32', [5, 7]), { transA: true });
    });
    expect(count).toBe(2 * (2 * 3 * 5 * 7));
  });

  it('are those of every product in a MatMul of stacked matrices', () => {
    const count = flopsOfOutput((g) =>
      matmul(g.input('a', 'float32', [2, 4, 3, 5]), g.input('b', 'float32', [4, 5, 7])),
    );
    expect(count).toBe(8 * (2 * 3 * 5 * 7));
  });

  it('are of a convolution: each output times the kernel, over the channels of a group', () => {
    // [2, 6, 8, 8] by [4, 6, 4, 4] with stride 2 and pad 1 -> [2, 4, 4, 4]
    const whole = flopsOfOutput((g) =>
      conv(g.input('x', 'float32', [2, 6, 8, 8]), g.input('w', 'float32', [4, 6, 4, 4]), {
        stride: 2,
        pad: 1,
      }),
    );
    expect(whole).toBe(2 * (2 * 4 * 4 * 4) * (6 * 4 * 4));
    const grouped = flopsOfOutput((g) =>
      conv(g.input('x', 'float32', [2, 6, 8, 8]), g.input('w', 'float32', [4, 3, 4, 4]), {
        stride: 2,
        pad: 1,
        group: 2,
      }),
    );
    expect(grouped).toBe(whole / 2);
  });

  it('are of a transposed convolution those of the convolution that it transposes', () => {
    const count = flopsOfOutput((g) =>
      convTranspose(g.input('y', 'float32', [2, 4, 4, 4]), g.input('w', 'float32', [4, 6, 4, 4]), {
        stride: 2,
        pad: 1,
      }),
    );
    expect(count).toBe(2 * (2 * 4 * 4 * 4) * (6 * 4 * 4));
  });

  it('are three times the forward pass where both gradients of a convolution are taken, however it is written', () => {
    const g = new Graph('convolution');
    const x = g.input('x', 'float32', [2, 6, 8, 8]);
    const w = g.input('w', 'float32', [4, 6, 4, 4]);
    const y = conv(x, w, { stride: 2, pad: 1 });
    g.output('y', y);
    gradients(reduceSum(y), [x, w]).forEach((gradient, i) => {
      g.output(`gradient ${i}`, gradient);
    });
    const forward = 2 * (2 * 4 * 4 * 4) * (6 * 4 * 4);
    expect(flopsOf(g)).toBe(3 * forward);
    expect(flopsOf(compile(g, 'portable'))).toBe(3 * forward);
  });

  it('of a loop are those of its body once: both drivers of a program have the same', () => {
    const { recipe, sample } = cases[0]!;
    const program = buildProgram(recipe, sample);
    expect(flopsOf(compile(program.loopGraph(), 'portable'))).toBe(stepFlops(cases[0]!));
  });

  it('has a heaviest product', () => {
    const a = input('a', 3, 5);
    matmul(a, input('b', 5, 7));
    matmul(a, input('c', 5, 70));
    expect(productsOf(graph)).toHaveLength(2);
    expect(heaviestProduct(graph)).toEqual({ m: 3, k: 5, n: 70, count: 1 });
  });
});

/** Terms of a step from those of each layer, first layer first, for one batch: forward, by the input, by the weights. */
function termsOfStep(g: readonly number[], d: readonly number[]): number {
  const sum = (terms: readonly number[]) => terms.reduce((a, b) => a + b, 0);
  // Nothing is differentiated by the images that D's turn judges, or by z.
  const learned = (terms: readonly number[]) => 3 * sum(terms) - terms[0]!;
  // In G's turn D is passed forward and backward, but not differentiated by its weights.
  return learned(g) + 2 * learned(d) + 2 * sum(d);
}

describe('operations of a step', () => {
  it('of an MLP are those of its dense layers', () => {
    const g = [64 * 64, 64 * 64, 64 * 784];
    const d = [784 * 64, 64 * 64, 64];
    expect(stepFlops(cases.find(({ name }) => name === 'mlp-h64-b32')!)).toBe(2 * 32 * termsOfStep(g, d));
  });

  it('of a DCGAN-32 are those of its convolutions', () => {
    // Small sides of 4, 8 and 16 pixels, 128, 64 and 32 channels, kernels of 4 x 4.
    const convolutions = [4 * 4 * 128 * 64 * 16, 8 * 8 * 64 * 32 * 16, 16 * 16 * 32 * 16];
    const g = [100 * 2048, ...convolutions];
    const d = [...[...convolutions].reverse(), 2048];
    expect(stepFlops(cases.find(({ name }) => name === 'dcgan32-f32-b32-grey')!)).toBe(
      2 * 32 * termsOfStep(g, d),
    );
  });
});
