import type { Graph, Value } from '../graph.ts';
import type { Node } from '../graph.ts';
import { Where, where } from '../ops/elementwise.ts';
import { gather } from '../ops/indexing.ts';
import { ranges, reshape, Slice } from '../ops/movement.ts';
import type { SliceAttributes } from '../ops/movement.ts';
import { sizeOf } from '../shape.ts';
import { tensor } from '../types.ts';
import { transform } from './transform.ts';

/** Another form of a node, with the same bits; undefined where it can stay. */
type Form = (node: Node, inputs: readonly (Value | undefined)[]) => Value | undefined;

/**
 * Operators that WebGPU computes only in another form. Left as they are, each would be computed on the CPU, and the
 * device would have to stop and hand over what it has so far.
 */
const forms: Readonly<Record<string, Form | undefined>> = {
  /** It cuts floats only. */
  [Slice.type]: ({ attributes }, [x]) => {
    if (x!.dtype === 'float32' || x!.dtype === 'float16') return undefined;
    return ranges(x!.shape, attributes as unknown as SliceAttributes).reduce(
      (rows, { axis, start, step, count }) => {
        const indices = Int32Array.from({ length: count }, (_, i) => start + i * step);
        return gather(rows, x!.graph.constant(tensor('int32', indices)), axis);
      },
      x!,
    );
  },
  /**
   * Beside a convolution onnxruntime stores images channels-last and moves the axes of all that meets them, and WebGPU
   * moves no axes of a bool. A choice between whole samples is one between rows as well.
   */
  [Where.type]: ({ outputs }, [condition, a, b]) => {
    const { shape } = outputs[0]!;
    const [rows, ...others] = condition!.shape;
    const ofSamples = others.length > 1 && rows === shape[0] && others.every((extent) => extent === 1);
    const whole = [a!, b!].every((branch) => branch.rank === shape.length && branch.shape[0] === rows);
    if (!ofSamples || !whole || typeof rows !== 'number') return undefined;
    const flat = (x: Value) => reshape(x, [rows, sizeOf(x.shape) / rows]);
    return reshape(where(flat(condition!), flat(a!), flat(b!)), shape);
  },
};

export function useWebgpuForms(graph: Graph): Graph {
  return transform(graph, (node, inputs, { copy }) => {
    const form = forms[node.op.type]?.(node, inputs);
    return form ? [form] : copy();
  });
}
