import type { Graph, Value } from '../graph.ts';
import { Reshape, reshape } from '../ops/movement.ts';
import type { ShapeAttributes } from '../ops/movement.ts';
import { fixed } from '../shape.ts';
import { layoutOf } from './layout.ts';
import { transform } from './transform.ts';

/**
 * Makes one of two reshapes in a row, and a reshape, which costs nothing, of a transpose that moves only axes of extent
 * 1, as of the scale of a normalisation. onnxruntime does so too, but what it puts in the place stands last in its
 * graph, which spoils the order of `computeLate`.
 */
export function foldReshapes(graph: Graph): Graph {
  return transform(graph, (node, inputs, { copy }) => {
    const [value] = inputs;
    if (!value) return copy();
    if (node.op.type === Reshape.type)
      return [reshape(beforeReshape(value), (node.attributes as unknown as ShapeAttributes).shape)];
    const layout = layoutOf(node);
    if (!layout || !value.shape.every((extent) => typeof extent === 'number')) return copy();
    const moved = layout.filter((axis) => value.shape[axis] !== 1);
    if (moved.some((axis, i) => i > 0 && axis < moved[i - 1]!)) return copy();
    const shape = layout.map((axis) => fixed(value.shape[axis]));
    return [reshape(beforeReshape(value), shape)];
  });
}

const beforeReshape = (value: Value): Value =>
  value.node?.op.type === Reshape.type ? value.node.inputs[0]! : value;
