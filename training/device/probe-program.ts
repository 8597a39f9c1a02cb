import { writeSync } from 'node:fs';
import type * as Ort from 'onnxruntime-node';
import { encodeModel } from '../../artifacts/onnx/encode.ts';
import { loadQuietRuntime } from '../../artifacts/onnxruntime-node.ts';
import { Graph } from '../../graph-builder/graph.ts';
import { conv, matmul, reduceMean, reshape } from '../../graph-builder/ops/index.ts';
import { sizeOf } from '../../graph-builder/shape.ts';
import { tensor } from '../../graph-builder/types.ts';
import { ownOperatorInputs, ownOperatorsGraph } from './cuda/own-operators.ts';
import type { Measured } from './probe.ts';

// A program of its own: `node probe-program.js cuda 0`. A provider that crashes takes only this process with it.
// Exit 0 where the provider computes, with what was measured as a line of JSON on stdout; otherwise the reason is on
// stderr. On CUDA a second line tells of float16 too: whoever finds only the first knows where it ended.

/** The mean of conv(x) times x four times over: a convolution for cuDNN, products for the clock, one number to read back. */
function model(n: number): Uint8Array {
  const graph = new Graph('probe');
  const x = graph.input('x', 'float32', [n, n]);
  const blur = graph.constant(tensor('float32', new Float32Array(9).fill(1 / 9), [1, 1, 3, 3]));
  let y = reshape(conv(reshape(x, [1, 1, n, n]), blur, { pad: 1 }), [n, n]);
  for (let i = 0; i < products; i++) y = matmul(y, x);
  graph.output('y', reduceMean(y));
  return encodeModel(graph);
}

const products = 4;

/** Of about 1 / n, so that products stay near what they multiply. */
const input = (n: number): Float32Array =>
  Float32Array.from({ length: n * n }, (_, i) => (((i % n) * 7 + Math.floor(i / n) * 13) % 17) / (8 * n));

/** What the model of size n gives, computed here. */
function expected(n: number): number {
  const x = input(n);
  const at = (i: number, j: number) => (i < 0 || j < 0 || i >= n || j >= n ? 0 : x[i * n + j]!);
  const steps = [-1, 0, 1];
  let y = [...x.keys()].map((place) => {
    const [i, j] = [Math.floor(place / n), place % n];
    return steps.reduce((sum, a) => sum + steps.reduce((row, b) => row + at(i + a, j + b) / 9, 0), 0);
  });
  for (let k = 0; k < products; k++)
    y = y.map((_, place) => {
      const [i, j] = [Math.floor(place / n), place % n];
      return Array.from({ length: n }, (_, m) => y[i * n + m]! * x[m * n + j]!).reduce((a, b) => a + b, 0);
    });
  return y.reduce((sum, value) => sum + value / (n * n), 0);
}

const [kind = 'cpu', index = '0'] = process.argv.slice(2);
const smallest = 16;
/** Sizes to measure, until one takes longer than the milliseconds that one waits for any answer of a GPU. */
const sizes = [64, 128, 256, 512, 1024];
const latency = 20;
/** TF32 keeps 10 bits of a factor. */
const tolerance = 0.01;

/** What graphs for CUDA rely on. */
async function checkOwnOperators(ort: typeof Ort, dtype: 'float32' | 'float16'): Promise<undefined> {
  const session = await ort.InferenceSession.create(encodeModel(ownOperatorsGraph(dtype)), options('cuda'));
  const feeds = Object.entries(ownOperatorInputs).map(([name, shape]) => {
    const data = Float32Array.from({ length: sizeOf(shape) }, (_, i) => Math.sin(1 + i) / 4);
    return [name, new ort.Tensor('float32', data, shape)] as const;
  });
  const { differences } = await session.run(Object.fromEntries(feeds));
  await session.release();
  const values = [...(differences!.data as Float32Array)];
  if (!values.every((value) => value <= tolerance))
    throw new Error(
      `what graphs for it are made of gives other numbers than ONNX's operators in ${dtype}, by ${values.join(', ')}`,
    );
}

function options(provider: string): Ort.InferenceSession.SessionOptions {
  return {
    executionProviders: [
      provider === 'cuda' ? { name: 'cuda', deviceId: Number(index) } : provider,
    ] as Ort.InferenceSession.ExecutionProviderConfig[],
    logSeverityLevel: 3,
    // onnxruntime would quietly compute on the CPU what a provider cannot.
    extra: { session: { disable_cpu_ep_fallback: provider === 'cpu' ? '0' : '1' } },
  };
}

async function time(
  ort: typeof Ort,
  provider: string,
  n: number,
  runs: number,
): Promise<{ value: number; milliseconds: number }> {
  const session = await ort.InferenceSession.create(model(n), options(provider));
  const feeds = { x: new ort.Tensor('float32', input(n), [n, n]) };
  let [value, milliseconds] = [NaN, Infinity];
  // The first run compiles.
  for (let run = 0; run < runs; run++) {
    const start = performance.now();
    const { y } = await session.run(feeds);
    if (run > 0) milliseconds = Math.min(milliseconds, performance.now() - start);
    value = (y!.data as Float32Array)[0]!;
  }
  await session.release();
  return { value, milliseconds };
}

/** At once: what is buffered would be lost in a crash. */
function tell(measured: Measured): void {
  writeSync(process.stdout.fd, `${JSON.stringify(measured)}\n`);
}

try {
  const ort = await loadQuietRuntime();
  // onnxruntime logs the system's own words about a library that does not load, and throws without them.
  ort.env.logLevel = 'error';
  const { value } = await time(ort, kind, smallest, 1);
  const right = expected(smallest);
  if (!(Math.abs(value - right) <= tolerance * right))
    throw new Error(`it computed ${value} where ${right} is right`);
  if (kind === 'cuda') await checkOwnOperators(ort, 'float32');

  let measured: Measured = { size: 0, milliseconds: 0, cpuMilliseconds: 0 };
  if (kind !== 'cpu')
    for (const size of sizes) {
      const { milliseconds } = await time(ort, kind, size, 3);
      measured = { ...measured, size, milliseconds };
      if (milliseconds > latency) break;
    }
  if (measured.size)
    measured = { ...measured, cpuMilliseconds: (await time(ort, 'cpu', measured.size, 3)).milliseconds };
  tell(measured);
  if (kind === 'cuda') {
    const halvesProblem = await checkOwnOperators(ort, 'float16').catch(
      (error: unknown) => (error as Error).message,
    );
    tell(halvesProblem === undefined ? measured : { ...measured, halvesProblem });
  }
} catch (error) {
  process.stderr.write(`\n${(error as Error).message}\n`);
  process.exitCode = 1;
}
