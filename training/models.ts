import { encodeModel } from '../artifacts/onnx/encode.ts';
import { ganxVersion } from '../artifacts/version.ts';
import { samplerGraph } from '../graph-builder/export.ts';
import type { TrainingProgram } from '../graph-builder/program.ts';
import { compile } from '../graph-builder/rewrites/index.ts';
import type { Device } from './engine/engine.ts';

/** The training program as ONNX models for a device: one step, K steps, and the generator on its own. */
export interface TrainingModels {
  readonly step: Uint8Array;
  readonly loop: Uint8Array;
  readonly sampler: Uint8Array;
}

export function trainingModels(program: TrainingProgram, device: Device): TrainingModels {
  const target = device.kind === 'cpu' ? 'cpu' : 'portable';
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
  const encode = (graph: ReturnType<TrainingProgram['stepGraph']>, format: string) =>
    encodeModel(compile(graph, target), { metadata: metadata(format), producerVersion: ganxVersion });
  return {
    step: encode(program.stepGraph(), 'ganx.training-step'),
    loop: encode(program.loopGraph(), 'ganx.training-loop'),
    sampler: encodeModel(compile(samplerGraph(program), 'portable'), { producerVersion: ganxVersion }),
  };
}
