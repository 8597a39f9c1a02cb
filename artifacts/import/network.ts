import { GraphError } from '../../graph-builder/errors.ts';
import type { Value } from '../../graph-builder/graph.ts';
import type { Pass } from '../../graph-builder/layers/pass.ts';
import type { DiscriminatorNetwork, GeneratorNetwork } from '../../graph-builder/networks/network.ts';
import { mul, sub } from '../../graph-builder/ops/elementwise.ts';
import { reshape } from '../../graph-builder/ops/movement.ts';
import type { SampleSpec } from '../../graph-builder/recipe.ts';
import { fixed, formatShape, sameShape, sizeOf } from '../../graph-builder/shape.ts';
import type { Shape } from '../../graph-builder/types.ts';
import { InputError } from '../errors.ts';
import { applyForeign } from './apply.ts';
import type { ForeignModel } from './foreign-model.ts';
import type { ImportedModel } from './imported-model.ts';
import { valueOf } from './operand.ts';

// An imported model as one of the two networks of a GAN.

/** Extent of the latents that a model takes: all of a sample of its input. */
export const latentOf = ({ inputs }: ImportedModel): number => sizeOf(inputs[0]!.shape.slice(1));

/** Refuses what is no generator at all, whatever the data. */
export function checkGenerator({ model, inputs, outputs }: ImportedModel, sample?: SampleSpec): void {
  checkPorts('generator', model.source, inputs, outputs);
  const made = outputs[0]!.shape.slice(1);
  // One number a sample is what a discriminator gives.
  if (made.every((extent) => extent === 1))
    throw new InputError(
      `${model.source}: as a generator it must make samples of two numbers or more, and gives ${formatShape(outputs[0]!.shape)}`,
    );
  if (sample && !fits(made, sample.shape))
    throw new InputError(
      `${model.source}: as a generator it makes samples of ${formatShape(made)}, and the data has ${formatShape(sample.shape)}; choose other data or --size`,
    );
}

/** Refuses what is no discriminator at all, whatever the data. */
export function checkDiscriminator({ model, inputs, outputs }: ImportedModel, sample?: SampleSpec): void {
  checkPorts('discriminator', model.source, inputs, outputs);
  const [seen, said] = [inputs[0]!.shape.slice(1), outputs[0]!.shape];
  if (sizeOf(said.slice(1)) !== 1 || said[0] !== 'N')
    throw new InputError(
      `${model.source}: as a discriminator it must give one logit a sample, [N], [N, 1] or [N, 1, 1, 1], and gives ${formatShape(said)}`,
    );
  if (sample && !fits(seen, sample.shape))
    throw new InputError(
      `${model.source}: as a discriminator it takes samples of ${formatShape(seen)}, and the data has ${formatShape(sample.shape)}; choose other data or --size`,
    );
}

/** What a model can be in a GAN, and why not. */
export function rolesOf(imported: ImportedModel): { readonly role: string; readonly problem?: string }[] {
  const why = (check: (imported: ImportedModel) => void) => {
    try {
      check(imported);
      return {};
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      return { problem: error.message.slice(imported.model.source.length + 2) };
    }
  };
  return [
    { role: 'generator', ...why(checkGenerator) },
    { role: 'discriminator', ...why(checkDiscriminator) },
  ];
}

function checkPorts(
  role: string,
  source: string,
  inputs: ImportedModel['inputs'],
  outputs: ImportedModel['outputs'],
): void {
  const list = (ports: ImportedModel['inputs']) =>
    ports.map(({ name, dtype, shape }) => `${name} ${dtype}${formatShape(shape)}`).join(', ') || 'none';
  const [input, output] = [inputs[0], outputs[0]];
  if (inputs.length !== 1 || input!.dtype !== 'float32' || input!.shape.length < 2)
    throw new InputError(
      `${source}: as a ${role} it must take one float32 input [N, ...], and takes ${list(inputs)}`,
    );
  if (outputs.length !== 1 || output!.dtype !== 'float32' || output!.shape[0] !== 'N')
    throw new InputError(
      `${source}: as a ${role} it must give one float32 output [N, ...], and gives ${list(outputs)}`,
    );
}

/** A sample as it is, or flat. */
const fits = (shape: Shape, sample: readonly number[]) =>
  sameShape(shape, sample) || sameShape(shape, [sizeOf(sample)]);

/** Operators that only give a tensor another shape. */
const reshaping = new Set(['Reshape', 'Flatten', 'Squeeze', 'Unsqueeze', 'Identity', 'Dropout']);

/** The operator that gives the output its values. */
export function lastOperator({ nodes, outputs }: ForeignModel): string | undefined {
  return nodes[lastIndex({ nodes, outputs })]?.op;
}

function lastIndex({ nodes, outputs }: Pick<ForeignModel, 'nodes' | 'outputs'>): number {
  const maker = (name: string | undefined) => nodes.findIndex((node) => node.outputs.includes(name ?? ''));
  let at = maker(outputs[0]?.name);
  while (at >= 0 && reshaping.has(nodes[at]!.op)) at = maker(nodes[at]!.inputs[0]);
  return at;
}

/** z [N, zDim] -> samples. A final sigmoid gives [0, 1]; images are in [-1, 1] here, so it is stretched. */
export function generatorOf(imported: ImportedModel, sample: SampleSpec): GeneratorNetwork {
  const stretched = sample.kind === 'images' && lastOperator(imported.model) === 'Sigmoid';
  return (pass, z) => {
    const made = run(imported, pass, z);
    const y = reshape(made, [z.shape[0]!, ...sample.shape]);
    return stretched ? sub(mul(y, 2), 1) : y;
  };
}

/** samples -> logits [N]; a final sigmoid is left out. Its hidden layers are its own affair. */
export function discriminatorOf(imported: ImportedModel): DiscriminatorNetwork {
  const logits = { ...imported, model: withoutSigmoid(imported.model) };
  return (pass, samples) => ({
    logits: reshape(run(logits, pass, samples), [samples.shape[0]!]),
    layers: [],
    heads: new Map(),
  });
}

function withoutSigmoid(model: ForeignModel): ForeignModel {
  const last = lastIndex(model);
  if (model.nodes[last]?.op !== 'Sigmoid') return model;
  return { ...model, nodes: model.nodes.map((node, i) => (i === last ? { ...node, op: 'Identity' } : node)) };
}

function run({ model, tensors, inputs }: ImportedModel, pass: Pass, x: Value): Value {
  const [batch] = x.shape;
  const given = reshape(x, [batch!, ...inputs[0]!.shape.slice(1).map(fixed)]);
  const operands = applyForeign({
    model,
    tensors,
    pass,
    inputs: new Map([[inputs[0]!.name, given]]),
    batch: batch!,
  });
  const output = operands.get(model.outputs[0]!.name);
  if (!output) throw new GraphError('import', `output "${model.outputs[0]!.name}" is computed by no node`);
  return valueOf(output, pass.graph);
}
