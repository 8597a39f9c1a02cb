import type { Device } from '../artifacts/device.ts';
import { encodeModel } from '../artifacts/onnx/encode.ts';
import { ganxVersion } from '../artifacts/version.ts';
import { samplerGraph } from '../graph-builder/export.ts';
import type { TrainingProgram } from '../graph-builder/program.ts';
import { Graph } from '../graph-builder/graph.ts';
import type { Target } from '../graph-builder/ops/op.ts';
import { compile } from '../graph-builder/rewrites/index.ts';
import type { Layout } from '../graph-builder/rewrites/layout.ts';
import { mixedPrecision } from '../graph-builder/rewrites/mixed-precision.ts';
import { storeAsUsed } from '../graph-builder/rewrites/store-as-used.ts';
import { someNode } from '../graph-builder/rewrites/transform.ts';
import type { EngineSpec, OnDevice } from './engine/engine.ts';
import { targetOf } from './autotune/execution.ts';
import type { Dataset } from './data/dataset.ts';
import { withResidentData } from './engine/resident-data.ts';
import { generatorSources } from './export.ts';

/** The training program as ONNX models for a device. */
export interface TrainingModels {
  /** One step a run. */
  readonly step: Uint8Array;
  /** K steps a run. */
  readonly loop: Uint8Array;
  /** Of these two, the one that drives the device, with the state stored as it is used, and how that is. */
  readonly engine: Uint8Array;
  readonly layouts: ReadonlyMap<string, Layout>;
  /** The generator with its weights as inputs. */
  readonly sampler: Uint8Array;
  /** Whether the engine computes layers in float16. */
  readonly inHalves: boolean;
  /** Given where the state stays on the device between runs. */
  readonly onDevice?: OnDevice;
}

/**
 * @param target what the training graphs are compiled for
 * @param dataset what is trained on, where the engine is to have it on its device
 */
export function trainingModels(
  program: TrainingProgram,
  device: Device,
  target: Target = targetOf(device),
  dataset?: Dataset,
): TrainingModels {
  // Enough for another program to drive a step: what goes in beside the state, and what the numbers that come out are.
  const metadata = (format: string) => ({
    format,
    formatVersion: '1',
    ganxVersion,
    recipe: JSON.stringify(program.recipe),
    state: JSON.stringify(program.state.flatMap(({ name, parked }) => (parked ? [] : [name]))),
    controls: JSON.stringify(program.controls.map(({ name }) => name)),
    telemetry: JSON.stringify(program.telemetry),
  });
  // What is kept for other programs runs on their CPUs; a graph for CUDA runs on CUDA alone.
  const shared = target === 'cuda' ? 'portable' : target;
  const step = compile(program.stepGraph(), shared);
  const loop = compile(program.loopGraph(), shared);
  const driving = driverOf(device) === 'step' ? step : loop;
  const mayUseHalves = device.kind === 'cuda' && program.recipe.precision === 'mixed';
  const loopOf = () => (mayUseHalves ? mixedPrecision(program.loopGraph()) : program.loopGraph());
  const own = target === shared && !mayUseHalves ? driving : compile(loopOf(), target);
  const { graph: engine, layouts } = storeAsUsed(dataset ? withResidentData(own, dataset) : own);
  const encode = (graph: Graph, format: string) =>
    encodeModel(graph, { metadata: metadata(format), producerVersion: ganxVersion });
  return {
    step: encode(step, 'ganx.training-step'),
    loop: encode(loop, 'ganx.training-loop'),
    engine: encodeModel(engine, { hidesExtents: device.kind === 'cpu' }),
    layouts,
    inHalves:
      mayUseHalves && someNode(own, ({ outputs }) => outputs.some(({ dtype }) => dtype === 'float16')),
    sampler: encodeModel(compile(samplerGraph(program), 'portable'), { producerVersion: ganxVersion }),
    ...(device.kind === 'webgpu' ? { onDevice: onDevice(program) } : {}),
  };
}

/** All that an engine needs to train a program on a device. */
export function engineSpec(
  program: TrainingProgram,
  device: Device,
  threads: number,
  models: TrainingModels = trainingModels(program, device),
): EngineSpec {
  return {
    driver: driverOf(device),
    trainingModel: models.engine,
    layouts: models.layouts,
    samplerModel: models.sampler,
    samplerWeights: generatorSources(program),
    ...(models.onDevice ? { onDevice: models.onDevice } : {}),
    device,
    threads,
  };
}

function onDevice({ state }: TrainingProgram): OnDevice {
  const graph = new Graph('state');
  for (const { name, dtype, shape } of state) graph.output(`host/${name}`, graph.input(name, dtype, shape));
  return {
    carried: state.flatMap(({ name, parked }) => (parked ? [] : [name])),
    download: encodeModel(graph),
  };
}

/** WebGPU has no Loop. */
export const driverOf = ({ kind }: Device): EngineSpec['driver'] => (kind === 'webgpu' ? 'step' : 'loop');
