import { join } from 'node:path';
import { expect, test } from 'vitest';
import { encodeModel } from '../../../artifacts/onnx/encode.ts';
import { Graph } from '../../../graph-builder/graph.ts';
import { gather } from '../../../graph-builder/ops/indexing.ts';
import { program, run } from '../../ganx.ts';

test('a run that fails says why by its error, and nothing else on stderr', async () => {
  const graph = new Graph('out of bounds');
  graph.output('y', gather(graph.input('x', 'float32', [2]), graph.input('i', 'int32', [1])));
  const [loader, options] = ['artifacts/onnxruntime-node.js', 'training/engine/onnxruntime.js'].map((file) =>
    JSON.stringify(join(program, '../..', file)),
  );
  const script = `
    import { loadQuietRuntime } from ${loader};
    import { sessionOptions } from ${options};
    const ort = await loadQuietRuntime();
    const model = Buffer.from(${JSON.stringify(Buffer.from(encodeModel(graph)).toString('base64'))}, 'base64');
    const session = await ort.InferenceSession.create(model, sessionOptions({ kind: 'cpu', index: 0 }, 1));
    const x = new ort.Tensor('float32', new Float32Array(2), [2]);
    const i = new ort.Tensor('int32', Int32Array.of(7), [1]);
    await session.run({ x, i }).catch(({ message }) => process.stdout.write(message));`;
  const { code, stdout, stderr } = await run(process.execPath, ['--input-type=module', '-e', script], {});
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout).toContain('indices element out of data bounds, idx=7');
});
