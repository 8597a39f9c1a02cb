import { uniforms } from '../../graph-builder/hash.ts';
import type { TrainingProgram } from '../../graph-builder/program.ts';
import { sizeOf } from '../../graph-builder/shape.ts';
import type { Dataset } from '../data/dataset.ts';

/** Noise of the shape that a program trains on, a few batches of it. */
export function noiseDataset({ sample, samplesPerStep }: TrainingProgram): Dataset {
  const count = 4 * samplesPerStep;
  const { kind, shape, classes = 0 } = sample;
  const values = uniforms(0, 0, 'noise', count * sizeOf(shape));
  return {
    name: 'noise',
    kind,
    count,
    sampleShape: shape,
    dtype: kind === 'images' ? 'uint8' : 'float32',
    classes: Array.from({ length: classes }, (_, i) => String(i)),
    labels: classes > 0 ? Int32Array.from({ length: count }, (_, i) => i % classes) : undefined,
    skipped: [],
    data: kind === 'images' ? Uint8Array.from(values, (u) => 256 * u) : values.map((u) => 4 * u - 2),
  };
}
