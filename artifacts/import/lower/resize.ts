import { refuse } from '../../../graph-builder/errors.ts';
import type { Value } from '../../../graph-builder/graph.ts';
import * as ops from '../../../graph-builder/ops/index.ts';
import { fixed } from '../../../graph-builder/shape.ts';
import { tensor } from '../../../graph-builder/types.ts';
import type { Call, Lowerings } from '../call.ts';

/** How one axis is resized. */
interface Axis {
  readonly from: number;
  readonly to: number;
  /** As the file gives it; to / from where it gives sizes. */
  readonly scale: number;
  readonly coordinates: string;
}

/** The place in the input that an output element stands for (ONNX, Resize). */
function place({ from, to, scale, coordinates }: Axis, i: number): number {
  switch (coordinates) {
    case 'asymmetric':
      return i / scale;
    case 'align_corners':
      return to === 1 ? 0 : (i * (from - 1)) / (to - 1);
    case 'pytorch_half_pixel':
      return to > 1 ? (i + 0.5) / scale - 0.5 : 0;
    case 'half_pixel':
      return (i + 0.5) / scale - 0.5;
    default:
      return refuse(`coordinate_transformation_mode ${coordinates} is not imported`);
  }
}

const roundings: Readonly<Record<string, (x: number) => number>> = {
  floor: Math.floor,
  ceil: Math.ceil,
  round_prefer_ceil: (x) => Math.floor(x + 0.5),
  round_prefer_floor: (x) => Math.ceil(x - 0.5),
};

/** Weights of the elements around a place, by their offset from the one below it. */
const kernels: Readonly<Record<string, (t: number, a: number) => readonly (readonly [number, number])[]>> = {
  linear: (t) => [
    [0, 1 - t],
    [1, t],
  ],
  // Keys 1981, with a = -0.75 as in PyTorch unless the file says otherwise.
  cubic: (t, a) => {
    const near = (s: number) => ((a + 2) * s - (a + 3)) * s * s + 1;
    const away = (s: number) => ((a * s - 5 * a) * s + 8 * a) * s - 4 * a;
    return [
      [-1, away(1 + t)],
      [0, near(t)],
      [1, near(1 - t)],
      [2, away(2 - t)],
    ];
  },
};

/** Each axis by itself: nearest by index; linear and cubic as products with a matrix of weights. */
function resize(call: Call, sizesAt: number, scalesAt: number): Value {
  const x = call.value(0);
  if (call.int('antialias', 0)) refuse('antialias is not imported');
  if (call.int('exclude_outside', 0)) refuse('exclude_outside is not imported');
  const policy = call.text('keep_aspect_ratio_policy', 'stretch');
  if (policy !== 'stretch') refuse(`keep_aspect_ratio_policy ${policy} is not imported`);
  const named = call.ints('axes') ?? x.shape.map((_, i) => i);
  const has = (i: number) => (call.known(i)?.elements.length ?? 0) > 0;
  const scales = has(scalesAt) ? call.numbers(scalesAt) : undefined;
  const sizes = has(sizesAt) ? call.sizes(sizesAt) : undefined;
  if (!scales && !sizes) refuse('neither scales nor sizes are given');
  const coordinates = call.text('coordinate_transformation_mode', sizesAt < 0 ? 'asymmetric' : 'half_pixel');
  const mode = call.text('mode', 'nearest');

  return named.reduce<Value>((y, axis, i) => {
    const dim = y.shape[axis]!;
    if (scales?.[i] === 1 || sizes?.[i] === dim) return y;
    const from = fixed(dim);
    const to = scales ? Math.floor(from * scales[i]!) : fixed(sizes![i]);
    const along = { from, to, scale: scales?.[i] ?? to / from, coordinates };
    if (mode === 'nearest') {
      const rounding = call.text('nearest_mode', sizesAt < 0 ? 'floor' : 'round_prefer_floor');
      return nearest(y, axis, along, roundings[rounding] ?? refuse(`nearest_mode ${rounding} is unknown`));
    }
    const kernel = kernels[mode.replace('bilinear', 'linear')] ?? refuse(`mode ${mode} is unknown`);
    return weighted(y, axis, along, (t) => kernel(t, call.float('cubic_coeff_a', -0.75)));
  }, x);
}

const clamp = (i: number, { from }: Axis) => Math.min(Math.max(i, 0), from - 1);

function nearest(x: Value, axis: number, along: Axis, round: (x: number) => number): Value {
  // Rounding must not see 1.9999999 where 2 is meant.
  const index = (i: number) => clamp(round(Number(place(along, i).toFixed(6))), along);
  const indices = Array.from({ length: along.to }, (_, i) => index(i));
  const factor = along.to / along.from;
  if (!indices.every((from, i) => from === Math.floor(i / factor)) || !Number.isInteger(factor))
    return ops.gather(x, x.graph.constant(tensor('int32', indices)), axis);
  // Whole factors repeat each element: a broadcast, whose gradient is a sum.
  const split = [...x.shape.slice(0, axis + 1), 1, ...x.shape.slice(axis + 1)];
  const repeated = split.map((dim, i) => (i === axis + 1 ? factor : dim));
  const result = x.shape.map((dim, i) => (i === axis ? along.to : dim));
  return ops.reshape(ops.expand(ops.reshape(x, split), repeated), result);
}

function weighted(
  x: Value,
  axis: number,
  along: Axis,
  kernel: (t: number) => readonly (readonly [number, number])[],
): Value {
  const { from, to } = along;
  const weights = new Float32Array(to * from);
  for (let i = 0; i < to; i++) {
    const at = place(along, i);
    const low = Math.floor(at);
    for (const [offset, weight] of kernel(at - low))
      weights[i * from + clamp(low + offset, along)]! += weight;
  }
  const matrix = x.graph.constant(tensor('float32', weights, [to, from]));
  if (axis === x.rank - 1) return ops.matmul(x, ops.transpose(matrix, [1, 0]));
  // The axis next to last is multiplied from the left; others change places with it.
  const last = x.rank - 2;
  const perm = x.shape.map((_, i) => (i === axis ? last : i === last ? axis : i));
  const swap = (y: Value) => (axis === last ? y : ops.transpose(y, perm));
  return swap(ops.matmul(matrix, swap(x)));
}

export const resizings: Lowerings = {
  Resize: (call) => (call.opset >= 11 ? resize(call, 3, 2) : resize(call, -1, 1)),
  // The name up to opset 9.
  Upsample: (call) => resize(call, -1, 1),
};
