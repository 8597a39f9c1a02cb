import { encodeModel } from '../artifacts/onnx/encode.ts';
import { Graph } from '../graph-builder/graph.ts';
import { add, mul } from '../graph-builder/ops/elementwise.ts';
import { loadRuntime } from '../inference/onnxruntime-node.ts';

// A program of its own: `node probe-provider.js cuda`. A provider that crashes takes only this process with it.
// Exit 0 where the provider computed 2 x + 1; otherwise the reason is on stderr.

const provider = process.argv[2]!;
const graph = new Graph('probe');
graph.output('y', add(mul(graph.input('x', 'float32', [2]), 2), 1));

try {
  const ort = await loadRuntime();
  const session = await ort.InferenceSession.create(encodeModel(graph), {
    executionProviders: [provider],
    // onnxruntime would quietly compute on the CPU what a provider cannot.
    extra: { session: { disable_cpu_ep_fallback: provider === 'cpu' ? '0' : '1' } },
  });
  const results = await session.run({ x: new ort.Tensor('float32', Float32Array.of(1, -4), [2]) });
  const got = [...(results.y!.data as Float32Array)];
  if (got.join() !== '3,-7') throw new Error(`it computed ${got.join(', ')} instead of 3, -7`);
} catch (error) {
  process.stderr.write(`\n${(error as Error).message}\n`);
  process.exitCode = 1;
}
