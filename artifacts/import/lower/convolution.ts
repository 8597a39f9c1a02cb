import { refuse } from '../../../graph-builder/errors.ts';
import type { Value } from '../../../graph-builder/graph.ts';
import * as ops from '../../../graph-builder/ops/index.ts';
import { fixed } from '../../../graph-builder/shape.ts';
import type { Call, Lowerings } from '../call.ts';

interface Window {
  readonly kernel: readonly number[];
  readonly stride: readonly number[];
  readonly dilation: readonly number[];
  /** Begin of each spatial axis, then end of each; undefined where `auto_pad` asks for SAME. */
  readonly pad: readonly number[] | undefined;
  readonly auto: string;
}

/** The attributes that convolutions and poolings share. */
export function windowOf(call: Call, x: Value, kernel: readonly number[]): Window {
  const each = (name: string) => call.ints(name) ?? kernel.map(() => 1);
  const auto = call.text('auto_pad', 'NOTSET');
  if (x.rank !== kernel.length + 2) refuse(`input of rank ${x.rank} must have ${kernel.length + 2} axes`);
  const pad = call.ints('pads') ?? [...kernel, ...kernel].map(() => 0);
  return {
    kernel,
    stride: each('strides'),
    dilation: each('dilations'),
    pad: auto.startsWith('SAME') ? undefined : auto === 'VALID' ? pad.map(() => 0) : pad,
    auto,
  };
}

/** The pads of each spatial axis in `total`; the odd one at the end for SAME_UPPER, else at the begin. */
function shared(total: readonly number[], auto: string): number[] {
  const begin = total.map((n) => (auto === 'SAME_LOWER' ? Math.ceil(n / 2) : Math.floor(n / 2)));
  return [...begin, ...total.map((n, i) => n - begin[i]!)];
}

const reach = ({ kernel, dilation }: Window, i: number) => (kernel[i]! - 1) * dilation[i]! + 1;

/** The pads with which ceil(extent / stride) windows fit. */
export function samePads(x: Value, window: Window): readonly number[] {
  if (window.pad) return window.pad;
  const total = window.stride.map((stride, i) => {
    const extent = fixed(x.shape[i + 2]);
    return Math.max(0, (Math.ceil(extent / stride) - 1) * stride + reach(window, i) - extent);
  });
  return shared(total, window.auto);
}

function convTranspose(call: Call): Value {
  const [x, w] = [call.value(0), call.value(1)];
  const window = windowOf(call, x, w.shape.slice(2).map(fixed));
  const { stride, dilation } = window;
  const outputPadding = [...(call.ints('output_padding') ?? stride.map(() => 0))];
  const wanted = call.ints('output_shape')?.slice(-stride.length);
  let pad = window.pad;
  if (wanted || !pad) {
    const total = stride.map((s, i) => {
      const full = s * (fixed(x.shape[i + 2]) - 1) + reach(window, i) + outputPadding[i]!;
      return full - (wanted?.[i] ?? fixed(x.shape[i + 2]) * s);
    });
    // An output that is larger than all that the input reaches ends in zeros.
    total.forEach((n, i) => {
      if (n < 0) outputPadding[i]! -= n;
    });
    pad = shared(
      total.map((n) => Math.max(0, n)),
      window.auto === 'NOTSET' ? 'SAME_LOWER' : window.auto,
    );
  }
  return ops.convTranspose(
    x,
    w,
    { stride, dilation, pad, group: call.int('group', 1), outputPadding },
    call.optional(2),
  );
}

export const convolutions: Lowerings = {
  Conv: (call) => {
    const [x, w] = [call.value(0), call.value(1)];
    const window = windowOf(call, x, w.shape.slice(2).map(fixed));
    const { stride, dilation } = window;
    const options = { stride, dilation, pad: samePads(x, window), group: call.int('group', 1) };
    return ops.conv(x, w, options, call.optional(2));
  },
  ConvTranspose: convTranspose,
};
