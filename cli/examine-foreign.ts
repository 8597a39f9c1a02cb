import { importModel, untrainable } from '../artifacts/import/imported-model.ts';
import type { ImportedModel, Port } from '../artifacts/import/imported-model.ts';
import { InputError } from '../artifacts/errors.ts';
import { rolesOf } from '../artifacts/import/network.ts';
import { formatType } from '../graph-builder/shape.ts';
import { unmatchedPattern } from '../artifacts/import/tensors.ts';
import type { Report } from './report.ts';

/** What a foreign model holds, and what of it can be trained. */
export async function examineForeign(path: string, freeze: readonly string[]): Promise<Report> {
  const imported = await importModel(path, freeze);
  const unmatched = unmatchedPattern(freeze, [...imported.tensors.keys()]);
  if (unmatched !== undefined) throw new InputError(`--freeze: ${unmatched} fits no tensor of ${path}`);
  const { model, tensors, inputs, outputs } = imported;
  const lost = untrainable(imported);
  const described = [...tensors].map(([name, { tensor, role, why }]) => ({
    name,
    shape: tensor.shape,
    dtype: tensor.dtype,
    elements: tensor.data.length,
    role: role === 'parameter' && lost.has(name) ? 'constant' : role,
    why: lost.get(name) ?? why,
  }));
  const of = (role: string) => described.filter((tensor) => tensor.role === role);
  const trained = of('parameter').reduce((sum, { elements }) => sum + elements, 0);
  const kept = of('constant').filter(({ why, dtype }) => why && dtype === 'float32');
  const roles = rolesOf(imported);
  const operators = counted(imported);
  const lines = (list: typeof described) =>
    list.length
      ? list.map(({ name, shape, why }) => `${name}  [${shape.join(', ')}]${why ? `  ${why}` : ''}`)
      : 'none';
  return {
    what: `written by ${model.producer || 'an unknown program'}, opset ${model.opset}, IR ${model.irVersion}`,
    rows: [
      ['inputs', ports(inputs)],
      ['outputs', ports(outputs)],
      [
        'operators',
        Object.entries(operators)
          .map(([op, count]) => `${count} ${op}`)
          .join(', '),
      ],
      ['trainable', `${trained} in ${of('parameter').length} tensors`],
      ['', lines(of('parameter'))],
      ...(trained
        ? [['', 'What was a buffer in PyTorch is here too, and trained unless --freeze names it.'] as const]
        : []),
      ...(of('statistic').length ? [['statistics', lines(of('statistic'))] as const] : []),
      ...(kept.length ? [['not trained', lines(kept)] as const] : []),
      ['can be', roles.map(({ role, problem }) => `${role}: ${problem ?? 'yes'}`)],
      ['sha256', model.sha256],
    ],
    facts: {
      type: 'foreign',
      path,
      producer: model.producer,
      opset: model.opset,
      irVersion: model.irVersion,
      inputs,
      outputs,
      operators,
      tensors: described,
      trainable: trained,
      roles,
      sha256: model.sha256,
    },
  };
}

const ports = (list: readonly Port[]) => list.map((port) => `${port.name}  ${formatType(port)}`);

function counted({ model }: ImportedModel): Record<string, number> {
  const counts = new Map<string, number>();
  for (const { op } of model.nodes) counts.set(op, (counts.get(op) ?? 0) + 1);
  return Object.fromEntries([...counts].sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1)));
}
