import { gradients } from '../../graph-builder/autodiff.ts';
import { Graph } from '../../graph-builder/graph.ts';
import type { Value } from '../../graph-builder/graph.ts';
import type { StateSpec } from '../../graph-builder/initializer.ts';
import { conv2d } from '../../graph-builder/layers/convolution.ts';
import { dense } from '../../graph-builder/layers/dense.ts';
import { Pass } from '../../graph-builder/layers/pass.ts';
import { softmaxCrossEntropy } from '../../graph-builder/losses/classification.ts';
import { relu } from '../../graph-builder/ops/activation.ts';
import { loop } from '../../graph-builder/ops/control.ts';
import { cast, div, sub } from '../../graph-builder/ops/elementwise.ts';
import { gather } from '../../graph-builder/ops/indexing.ts';
import { reshape } from '../../graph-builder/ops/movement.ts';
import { softmax } from '../../graph-builder/ops/normalization.ts';
import { adam } from '../../graph-builder/optimizers/adam.ts';
import { applyOptimizer, optimizerState } from '../../graph-builder/optimizers/optimizer.ts';
import { fixed, sizeOf } from '../../graph-builder/shape.ts';
import { tensor } from '../../graph-builder/types.ts';
import type { Tensor } from '../../graph-builder/types.ts';

/** Classes of digits. */
export const digitClasses = 10;
/** Width of the classifier's features. */
export const digitFeatures = 64;
/** [C, H, W] of a digit. */
export const digitShape = [1, 32, 32] as const;

const network = 'classifier';
const optimizer = adam({ beta1: 0.9, beta2: 0.999, epsilon: 1e-8 });

/**
 * Three strided convolutions and a hidden layer, without batch norm, so that what a digit gets does not depend on the
 * digits beside it.
 *
 * @param images float32 [N, 1, 32, 32] in [-1, 1]
 * @returns features float32 [N, 64], not negative, and logits float32 [N, 10]
 */
function classify(pass: Pass, images: Value): { features: Value; logits: Value } {
  const he = (fanIn: number) => ({ kind: 'he', fanIn, slope: 0 }) as const;
  const halve = (name: string, x: Value, channels: number, kernel: number) => {
    const init = he(kernel * kernel * fixed(x.shape[1]));
    return relu(conv2d(pass, name, x, channels, kernel, { stride: 2, pad: 1, init }));
  };
  const maps = [16, 32, 64].reduce((x, channels, i) => halve(`block${i}`, x, channels, 4), images);
  const flat = sizeOf(maps.shape.slice(1));
  const features = relu(
    dense(pass, 'features', reshape(maps, [images.shape[0]!, flat]), digitFeatures, { init: he(flat) }),
  );
  return { features, logits: dense(pass, 'logits', features, digitClasses, { init: he(digitFeatures) }) };
}

/** The classifier's trained tensors, and all that its training keeps between steps. */
export function digitState(): { parameters: readonly StateSpec[]; all: readonly StateSpec[] } {
  const pass = new Pass({ graph: new Graph('declaration'), network, training: true });
  classify(pass, pass.graph.input('images', 'float32', [1, ...digitShape]));
  const { parameters } = pass.declared;
  return { parameters, all: [...parameters, ...optimizerState(optimizer, parameters, 'optimizer')] };
}

/**
 * K training steps in one ONNX Loop, Adam on softmax cross-entropy.
 *
 * Inputs: the state by name, `images` uint8 [K, N, 1, 32, 32], `labels` int32 [K, N], `learningRates` float32 [K],
 * `steps` int64 [] = K. Outputs: the state as `next/<name>`, `losses` float32 [K].
 *
 * @param batch N
 */
export function digitTrainingGraph(batch: number): Graph {
  const { parameters, all } = digitState();
  const graph = new Graph('classifier-training');
  const initial = all.map(({ name, dtype, shape }) => graph.input(name, dtype, shape));
  const images = graph.input('images', 'uint8', ['K', batch, ...digitShape]);
  const labels = graph.input('labels', 'int32', ['K', batch]);
  const learningRates = graph.input('learningRates', 'float32', ['K']);
  const steps = graph.input('steps', 'int64', []);

  const body = new Graph('classifier-step', graph);
  const iteration = body.input('iteration', 'int64', []);
  body.input('condition', 'bool', []);
  const values = new Map(
    all.map(({ name, dtype, shape }) => [name, body.input(`carried/${name}`, dtype, shape)]),
  );
  const pass = new Pass({ graph: body, network, values, training: true });
  const { logits } = classify(pass, normalized(gather(images, iteration)));
  const loss = softmaxCrossEntropy(logits, gather(labels, iteration));
  const trained = parameters.map(({ name }) => values.get(name)!);
  const slopes = gradients(loss, trained);
  const next = applyOptimizer(optimizer, {
    prefix: 'optimizer',
    learningRate: gather(learningRates, iteration),
    parameters: parameters.map(({ name }, i) => ({ name, value: trained[i]!, gradient: slopes[i]! })),
    state: (name) => values.get(name)!,
  });
  body.output('continue', body.constant(tensor('bool', [1], [])));
  for (const { name } of all) body.output(`next/${name}`, next.get(name)!);
  body.output('loss', loss);

  const results = loop(steps, body, initial);
  all.forEach(({ name }, i) => {
    graph.output(`next/${name}`, results[i]!);
  });
  graph.output('losses', results[all.length]!);
  return graph;
}

/**
 * The trained classifier: `images` float32 [N, 1, 32, 32] in [-1, 1] to `probabilities` float32 [N, 10] and `features`
 * float32 [N, 64].
 *
 * @param weights its parameters by name
 */
export function digitClassifierGraph(weights: ReadonlyMap<string, Tensor>): Graph {
  const graph = new Graph('classifier');
  const images = graph.input('images', 'float32', ['N', ...digitShape]);
  const values = new Map([...weights].map(([name, data]) => [name, graph.constant(data, name)]));
  const { features, logits } = classify(new Pass({ graph, network, values, training: false }), images);
  graph.output('probabilities', softmax(logits));
  graph.output('features', features);
  return graph;
}

/** Bytes 0..255 to [-1, 1], as the training of a GAN reads them. */
const normalized = (bytes: Value): Value => sub(div(cast(bytes, 'float32'), 127.5), 1);
