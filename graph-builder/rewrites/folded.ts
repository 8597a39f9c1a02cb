import type { Value } from '../graph.ts';

/** Whether onnxruntime computes a value as it loads the model: all that it depends on is constant. */
export function isFolded(value: Value, known = new Map<Value, boolean>()): boolean {
  let folded = known.get(value);
  if (folded === undefined) {
    const { constant, node } = value;
    folded = node ? node.inputs.every((input) => !input || isFolded(input, known)) : constant !== undefined;
    known.set(value, folded);
  }
  return folded;
}
