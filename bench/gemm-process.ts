import { parseArgs } from 'node:util';
import { encodeModel } from '../artifacts/onnx/encode.ts';
import { loadQuietRuntime } from '../artifacts/onnxruntime-node.ts';
import { emit, Graph } from '../graph-builder/graph.ts';
import { loop } from '../graph-builder/ops/control.ts';
import { MatMul } from '../graph-builder/ops/matmul.ts';
import { slice } from '../graph-builder/ops/movement.ts';
import { tensor } from '../graph-builder/types.ts';
import { parseDevice } from '../training/device/device.ts';
import { sessionOptions, toOrt } from '../training/engine/onnxruntime.ts';
import { answerRounds, timed, warm } from './answer-rounds.ts';

/*
 * onnxruntime's rate of [m, k] x [k, n], as a training step meets it: inside a Loop, and of matrices that change, so
 * that none can be packed beforehand. Only a corner of each product leaves the runtime.
 */
const { values } = parseArgs({
  options: {
    m: { type: 'string' },
    k: { type: 'string' },
    n: { type: 'string' },
    threads: { type: 'string' },
    seconds: { type: 'string' },
    device: { type: 'string' },
  },
});
const [m, k, n] = [values.m, values.k, values.n].map(Number) as [number, number, number];

const graph = new Graph('products');
const a = graph.input('a', 'float32', [m, k]);
const b = graph.input('b', 'float32', [k, n]);
const times = graph.input('times', 'int64', []);
const body = new Graph('product', graph);
body.input('iteration', 'int64', []);
body.input('condition', 'bool', []);
body.input('before', 'float32', [1, 1]);
const [product] = emit(MatMul, [a, b], {}, body);
body.output('continue', body.constant(tensor('bool', [1], [])));
body.output('corner', slice(product!, { 0: [0, 1], 1: [0, 1] }));
graph.output('corner', loop(times, body, [graph.constant(tensor('float32', [0], [1, 1]))])[0]!);

const ort = await loadQuietRuntime();
const session = await ort.InferenceSession.create(
  encodeModel(graph),
  sessionOptions(parseDevice(values.device!), Number(values.threads)),
);
const random = (rows: number, columns: number) =>
  toOrt(
    ort,
    tensor(
      'float32',
      Float32Array.from({ length: rows * columns }, () => Math.random() - 0.5),
      [rows, columns],
    ),
  );
const operands = { a: random(m, k), b: random(k, n) };

async function multiply(count: number): Promise<void> {
  await session.run({ ...operands, times: toOrt(ort, tensor('int64', [count], [])) });
}

const count = await warm(multiply, Number(values.seconds));
await answerRounds({}, () => timed(count, multiply));
