import { readModelSummary } from '../../artifacts/onnx/summary.ts';
import { decodeMetadata } from '../../artifacts/metadata.ts';
import { planSamples } from '../../inference/plan.ts';
import { pythonLacks } from '../artifacts/python.ts';
import type { Optimization } from '../../inference/settings.ts';
import { LineProcess } from './line-process.ts';
import type { RuntimeUnderTest } from './peer.ts';

const levels: Readonly<Record<Optimization, string>> = {
  disabled: 'ORT_DISABLE_ALL',
  basic: 'ORT_ENABLE_BASIC',
  extended: 'ORT_ENABLE_EXTENDED',
  all: 'ORT_ENABLE_ALL',
};

/** Knows nothing of ganx: latents and labels are written out as any Python program would make them. */
const program = `
import base64, json, numpy, onnxruntime, sys
for line in sys.stdin:
    question = json.loads(line)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = getattr(onnxruntime.GraphOptimizationLevel, question['level'])
    session = onnxruntime.InferenceSession(base64.b64decode(question['model']), options)
    inputs = {i.name for i in session.get_inputs()}
    results = []
    for call in question['calls']:
        feeds = {'z': numpy.array(call['z'], numpy.float32).reshape(call['n'], -1)}
        if 'seed' in inputs: feeds['seed'] = numpy.array(call['seed'], numpy.int32)
        if 'label' in inputs: feeds['label'] = numpy.array(call['labels'], numpy.int32)
        results.append(session.run(None, feeds)[0].astype(float).ravel().tolist())
    print(json.dumps(results), flush=True)`;

export const pythonOnnxruntime: RuntimeUnderTest = {
  name: 'Python onnxruntime',
  lacks: pythonLacks('numpy', 'onnxruntime'),
  open: () => {
    const peer = new LineProcess('python3', ['-c', program]);
    return Promise.resolve({
      draw: async (model, optimization, calls) => {
        const metadata = decodeMetadata(readModelSummary(model, 'model'), 'model');
        const plans = calls.map(({ n, z, ...options }) =>
          planSamples(metadata, n, { ...options, ...(z && { z: Float32Array.from(z) }) }),
        );
        const spelled = plans.map(({ n, seed, z, labels }) => ({
          n,
          seed,
          z: [...z],
          labels: [...(labels ?? [])],
        }));
        const bytes = Buffer.from(model).toString('base64');
        const answer = await peer.ask({ model: bytes, level: levels[optimization], calls: spelled });
        return (answer as number[][]).map((values) => Float32Array.from(values));
      },
      close: () => peer.close(),
    });
  },
};
