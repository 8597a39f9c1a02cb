import { describe, expect, it } from 'vitest';
import { gradients } from '../../graph-builder/autodiff.ts';
import { Graph } from '../../graph-builder/graph.ts';
import { softmaxCrossEntropy } from '../../graph-builder/losses/classification.ts';
import { tensor } from '../../graph-builder/types.ts';
import { evaluate } from './model.ts';

/** Loss and gradient of `labels.length` rows of 3 logits. */
async function run(logits: readonly number[], labels: readonly number[]) {
  const graph = new Graph('test');
  const input = graph.input('logits', 'float32', [labels.length, 3]);
  const loss = softmaxCrossEntropy(input, graph.constant(tensor('int32', labels)));
  graph.output('loss', loss);
  graph.output('gradient', gradients(loss, [input])[0]!);
  const results = await evaluate(graph, { logits }, 'cpu');
  return { loss: results.loss![0]!, gradient: [...(results.gradient as Float64Array)] };
}

describe('softmaxCrossEntropy', () => {
  it('is the mean of -log p of the labels, with the gradient (p - 1 at the label) / N', async () => {
    // Row 0: p = 1/3 each. Row 1: p = (1, 2, 5) / 8.
    const { loss, gradient } = await run([4, 4, 4, 0, Math.log(2), Math.log(5)], [1, 2]);
    expect(loss).toBeCloseTo((Math.log(3) + Math.log(8 / 5)) / 2, 6);
    const expected = [1 / 6, -1 / 3, 1 / 6, 1 / 16, 1 / 8, -3 / 16];
    gradient.forEach((value, i) => {
      expect(value).toBeCloseTo(expected[i]!, 6);
    });
  });

  it('stays finite where softmax is 0 and e^x overflows', async () => {
    const { loss, gradient } = await run([1000, 0, -1000, 1000, 0, -1000], [1, 0]);
    expect(loss).toBe(500);
    expect(gradient).toEqual([0.5, -0.5, 0, 0, 0, 0]);
  });

  it('refuses labels that do not fit', () => {
    const graph = new Graph('test');
    const logits = graph.input('logits', 'float32', [4, 3]);
    expect(() => softmaxCrossEntropy(logits, graph.input('labels', 'int32', [5]))).toThrow(
      'logits [4, 3] and labels [5] must be [N, classes] and [N]',
    );
  });
});
