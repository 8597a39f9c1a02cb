import { decodeMetadata, generatorFormat } from '../artifacts/metadata.ts';
import { readModelInfo } from '../artifacts/onnx/decode.ts';
import type { ModelInfo } from '../artifacts/onnx/decode.ts';
import type { PortInfo } from '../artifacts/onnx/summary.ts';
import type { Report, Row } from './report.ts';

/** What the models that ganx writes are for, by the format in their metadata. */
const purposes: Readonly<Record<string, string>> = {
  [generatorFormat]: 'generator of ganx',
  'ganx.discriminator': 'discriminator of ganx',
  'ganx.encoder': 'encoder of ganx',
  'ganx.training-step': 'training step of ganx (one step a run)',
  'ganx.training-loop': 'training loop of ganx (K steps a run)',
};

/** @throws InputError where the bytes are no ONNX model, or a generator contradicts itself. */
export function examineModel(bytes: Uint8Array, path: string): Report {
  const info = readModelInfo(bytes, path);
  const { metadata, inputs, outputs, opCounts, parameterCount, initializers } = info;
  const isGenerator = metadata.format === generatorFormat;
  const shown = isGenerator ? { ...decodeMetadata(info, path) } : metadata;
  const nodes = Object.values(opCounts).reduce((a, b) => a + b, 0);
  const size = { bytes: bytes.length, nodes, parameters: parameterCount };
  return {
    what: `${purposes[metadata.format ?? ''] ?? 'ONNX model'}, ${describeOrigin(info)}`,
    rows: [
      ['inputs', portRows(inputs)],
      ['outputs', portRows(outputs)],
      ['parameters', `${parameterCount} in ${initializers.length} initializers`],
      ['size', `${(bytes.length / 2 ** 20).toFixed(2)} MiB`],
      ['operators', `${nodes}: ${listOperators(opCounts)}`],
      ...Object.entries(shown).map(([key, value]): Row => [key, shorten(textOf(value))]),
    ],
    facts: { type: isGenerator ? 'generator' : 'onnx', path, ...size, ...factsOf(info), metadata: shown },
  };
}

const factsOf = ({ irVersion, opset, producer, producerVersion, inputs, outputs, opCounts }: ModelInfo) => ({
  irVersion,
  opset,
  producer,
  producerVersion,
  inputs,
  outputs,
  opCounts,
});

function describeOrigin({ producer, producerVersion, opset, irVersion }: ModelInfo): string {
  const author = producer ? `written by ${[producer, producerVersion].filter(Boolean).join(' ')}, ` : '';
  return `${author}opset ${opset}, IR ${irVersion}`;
}

/** A training graph takes its whole state: the first ports tell the kind. */
const portsShown = 12;

function portRows(ports: readonly PortInfo[]): string[] {
  const rows = ports.map(({ name, dtype, shape }) => `${name}  ${dtype} [${shape.join(', ')}]`);
  if (rows.length === 0) return ['none'];
  if (rows.length <= portsShown) return rows;
  return [...rows.slice(0, portsShown - 1), `and ${rows.length - portsShown + 1} more`];
}

const listOperators = (counts: Readonly<Record<string, number>>) =>
  Object.entries(counts)
    .map(([operator, count]) => `${count} ${operator}`)
    .join(', ');

function textOf(value: unknown): string {
  if (typeof value === 'string') return value;
  if (Array.isArray(value)) return value.length ? value.join(', ') : 'none';
  return String(value);
}

const shorten = (text: string) => (text.length > 100 ? `${text.slice(0, 97)}...` : text);
