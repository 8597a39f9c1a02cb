import { InputError } from '../errors.ts';
import type { ForeignBranch, ForeignModel, ForeignNode } from './foreign-model.ts';
import type { Known } from './operand.ts';

/**
 * Puts the nodes of the branch that its condition chooses in the place of every If. PyTorch's TorchScript exporter
 * writes one for `squeeze(dim)` where it does not know the extent, which is known here.
 *
 * @param knownAfter a value of a part of the model that ends before the If, if it is known while the model is read
 * @throws InputError where it is not
 */
export function chooseBranches(
  model: ForeignModel,
  knownAfter: (part: ForeignModel, name: string) => Known | undefined,
): ForeignModel {
  let { nodes } = model;
  for (;;) {
    const at = nodes.findIndex(({ branches }) => branches.size > 0);
    if (at < 0) return { ...model, nodes };
    const node = nodes[at]!;
    const condition = knownAfter({ ...model, nodes: nodes.slice(0, at), outputs: [] }, node.inputs[0] ?? '');
    const branch = condition && node.branches.get(condition.elements[0] ? 'then_branch' : 'else_branch');
    if (!branch)
      throw new InputError(
        `${model.source}: node "${node.name}" (If) chooses by what only a run would tell; write the network without the choice, or export with dynamo=True`,
      );
    nodes = [...nodes.slice(0, at), ...inPlaceOf(node, branch), ...nodes.slice(at + 1)];
  }
}

function inPlaceOf({ name, outputs }: ForeignNode, branch: ForeignBranch): ForeignNode[] {
  const results = outputs.map((output, i) => ({
    op: 'Identity',
    name,
    inputs: [branch.outputs[i] ?? ''],
    outputs: [output],
    attributes: new Map(),
    branches: new Map(),
  }));
  return [...branch.nodes, ...results];
}
