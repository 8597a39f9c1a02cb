import { refuse } from '../../../graph-builder/errors.ts';
import type { Value } from '../../../graph-builder/graph.ts';
import * as ops from '../../../graph-builder/ops/index.ts';
import {
  broadcastShapes,
  fixed,
  formatShape,
  normalizeAxis,
  product,
  quotient,
} from '../../../graph-builder/shape.ts';
import type { Dim } from '../../../graph-builder/types.ts';
import type { Call, Lowerings } from '../call.ts';
import type { Sequence } from '../operand.ts';
import { isSequence } from '../operand.ts';

/**
 * The shape that Reshape asks for: 0 keeps an extent, one -1 stands for what is left. A model that was exported with a
 * fixed batch has it in its shapes, where the batch of now belongs.
 */
function reshape(call: Call): Value {
  const x = call.value(0);
  const zeroIsZero = call.int('allowzero', 0) !== 0;
  const { exported, now } = call.batch;
  let asked: Dim[] = call.sizes(1).map((dim, i) => (dim === 0 && !zeroIsZero ? x.shape[i]! : dim));
  if (exported !== undefined && asked[0] === exported && x.shape[0] === now) asked = [now, ...asked.slice(1)];
  if (!asked.includes(-1)) return ops.reshape(x, asked);
  const rest =
    quotient(product(x.shape), product(asked.filter((dim) => dim !== -1))) ??
    refuse(`shape ${formatShape(x.shape)} cannot be viewed as ${formatShape(asked)}: element counts differ`);
  return ops.reshape(
    x,
    asked.map((dim) => (dim === -1 ? rest : dim)),
  );
}

function flatten(call: Call): Value {
  const x = call.value(0);
  const axis = call.int('axis', 1);
  const at = axis === x.rank ? axis : normalizeAxis(axis, x.rank);
  return ops.reshape(x, [product(x.shape.slice(0, at)), product(x.shape.slice(at))]);
}

function unsqueeze(call: Call): Value {
  const x = call.value(0);
  const axes = call.list('axes', 1) ?? refuse('axes are missing');
  const rank = x.rank + axes.length;
  const added = new Set(axes.map((axis) => normalizeAxis(axis, rank)));
  const old = [...x.shape];
  return ops.reshape(
    x,
    Array.from({ length: rank }, (_, i) => (added.has(i) ? 1 : old.shift()!)),
  );
}

function squeeze(call: Call): Value {
  const x = call.value(0);
  const axes = call.list('axes', 1)?.map((axis) => normalizeAxis(axis, x.rank));
  // An axis that is not of extent 1 is then left to Reshape to refuse.
  return ops.reshape(
    x,
    x.shape.filter((dim, i) => (axes ? !axes.includes(i) : dim !== 1)),
  );
}

/** Parts of `size`, the last of what is left. */
const evenly = (extent: number, size: number) =>
  Array.from({ length: Math.ceil(extent / size) }, (_, i) => Math.min(size, extent - i * size));

function split(call: Call): readonly Value[] {
  const x = call.value(0);
  const axis = normalizeAxis(call.int('axis', 0), x.rank);
  const parts = call.list('split', 1);
  if (parts) return ops.split(x, parts, axis);
  const extent = fixed(x.shape[axis]);
  return ops.split(
    x,
    evenly(extent, Math.ceil(extent / call.int('num_outputs', call.node.outputs.length))),
    axis,
  );
}

/** The parts as a list; without a size, or without `keepdims`, each of one element. */
function splitToSequence(call: Call): Sequence {
  const x = call.value(0);
  const axis = normalizeAxis(call.int('axis', 0), x.rank);
  const extent = fixed(x.shape[axis]);
  const given = call.known(1) && call.numbers(1);
  const sizes = !given || call.known(1)?.shape.length === 0 ? evenly(extent, given?.[0] ?? 1) : given;
  const parts = ops.split(x, sizes, axis);
  const squeezed = !given && call.int('keepdims', 1) === 0;
  const without = x.shape.filter((_, i) => i !== axis);
  return { parts: squeezed ? parts.map((part) => ops.reshape(part, without)) : parts };
}

function sequenceAt(call: Call): Value {
  const sequence = call.operands[0];
  if (!sequence || !isSequence(sequence)) return refuse('input 0 must be a list of tensors');
  const [index] = call.numbers(1);
  return sequence.parts.at(index!) ?? refuse(`index ${index} must be in a list of ${sequence.parts.length}`);
}

/** Bounds that ONNX gives as the largest and smallest int64 mean the ends. */
const far = 2 ** 31 - 1;
const bounded = (n: number) => Math.min(Math.max(n, -far), far);

function slice(call: Call): Value {
  const x = call.value(0);
  const starts = call.list('starts', 1) ?? refuse('starts are missing');
  const ends = call.ints('ends') ?? call.sizes(2);
  const axes = call.list('axes', 3) ?? starts.map((_, i) => i);
  const steps = call.list('steps', 4) ?? starts.map(() => 1);
  const ranges = axes.flatMap((raw, i) => {
    const axis = normalizeAxis(raw, x.rank);
    const [start, end, step] = [starts[i]!, ends[i]!, steps[i]!];
    // All of an axis, whose extent need not be known.
    if (start === 0 && step === 1 && (end === x.shape[axis] || (typeof end === 'number' && end >= far)))
      return [];
    return [[axis, [bounded(start), bounded(fixed(end)), step]] as const];
  });
  return ranges.length ? ops.slice(x, Object.fromEntries(ranges)) : x;
}

function pad(call: Call): Value {
  const x = call.value(0);
  const mode = call.text('mode', 'constant');
  if (mode !== 'constant' && mode !== 'reflect' && mode !== 'edge')
    refuse(`mode ${mode} must be constant, reflect or edge`);
  const given = call.list('pads', 1) ?? refuse('pads are missing');
  const axes = call.operands[3]
    ? call.numbers(3).map((axis) => normalizeAxis(axis, x.rank))
    : x.shape.map((_, i) => i);
  const pads = [...x.shape, ...x.shape].map(() => 0);
  axes.forEach((axis, i) => {
    pads[axis] = given[i]!;
    pads[axis + x.rank] = given[i + axes.length]!;
  });
  return ops.padWith(x, pads, mode, call.operands[2] ? call.numbers(2)[0] : call.float('value', 0));
}

function expand(call: Call): Value {
  const x = call.value(0);
  const { exported, now } = call.batch;
  const sizes = call
    .sizes(1)
    .map((dim, i) => (i === 0 && dim === exported && x.shape[0] === now ? now : dim));
  return ops.expand(x, broadcastShapes(x.shape, sizes));
}

/** Axes of extent 1 that are repeated by the batch become it: repeats are numbers, so this is a broadcast. */
function tile(call: Call): Value {
  const x = call.value(0);
  const repeats = call.sizes(1);
  if (repeats.every((n) => typeof n === 'number')) return ops.tile(x, repeats);
  const rest = repeats.map((n) => (typeof n === 'number' ? n : 1));
  const shape = x.shape.map((dim, i) => {
    if (typeof repeats[i] !== 'string') return dim;
    return dim === 1
      ? repeats[i]
      : refuse(`an axis of extent ${dim} cannot be repeated ${repeats[i]} times here`);
  });
  return ops.tile(ops.expand(x, shape), rest);
}

export const movements: Lowerings = {
  Reshape: reshape,
  Flatten: flatten,
  Unsqueeze: unsqueeze,
  Squeeze: squeeze,
  Transpose: (call) => {
    const x = call.value(0);
    return ops.transpose(x, call.ints('perm') ?? x.shape.map((_, i) => x.rank - 1 - i));
  },
  Concat: (call) => ops.concat(call.values, normalizeAxis(call.int('axis', 0), call.value(0).rank)),
  Split: split,
  SplitToSequence: splitToSequence,
  SequenceAt: sequenceAt,
  Slice: slice,
  Pad: pad,
  Expand: expand,
  Tile: tile,
  DepthToSpace: (call) =>
    ops.depthToSpace(
      call.value(0),
      call.int('blocksize', 1),
      call.text('mode', 'DCR') === 'CRD' ? 'CRD' : 'DCR',
    ),
  SpaceToDepth: (call) => ops.spaceToDepth(call.value(0), call.int('blocksize', 1), 'DCR'),
};
