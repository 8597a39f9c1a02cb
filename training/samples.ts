import { imageGrid } from '../artifacts/image-grid.ts';
import type { Picture } from '../artifacts/picture.ts';
import { plotPoints } from '../artifacts/plot-points.ts';
import { encodePng } from '../artifacts/png.ts';
import { latentNumbers } from '../graph-builder/hash.ts';
import type { TrainingProgram } from '../graph-builder/program.ts';
import type { Tensor } from '../graph-builder/types.ts';
import { tensor } from '../graph-builder/types.ts';
import { gather } from './data/batch.ts';
import type { Dataset } from './data/dataset.ts';
import { EpochSampler } from './data/sampler.ts';
import type { Engine } from './engine/engine.ts';
import { DiversityMeter } from './monitor/diversity.ts';

/** Samples of a grid, and of the data, whose diversity is compared: points are cheap, and there are more modes to miss. */
const compared = { images: 64, points: 256 } as const;

export interface Painting {
  readonly png: Uint8Array;
  readonly diversity: number;
}

/** Draws the same latents again and again, so that the pictures of a run show one thing changing. */
export class SamplePainter {
  readonly #program: TrainingProgram;
  readonly #z: Tensor;
  readonly #labels: Tensor | undefined;
  readonly #reference: Float32Array | undefined;
  readonly #meter: DiversityMeter;

  constructor(program: TrainingProgram, dataset: Dataset) {
    const count = program.sample.kind === 'images' ? 64 : 2500;
    const { network, techniques } = program.recipe;
    const { zDim } = network;
    this.#program = program;
    this.#z = {
      dtype: 'float32',
      shape: [count, zDim],
      data: latentNumbers(techniques.latent, 0, count * zDim),
    };
    // The classes in turn.
    if (program.labelled)
      this.#labels = tensor(
        'int32',
        Array.from({ length: count }, (_, i) => i % program.sample.classes!),
      );
    this.#meter = diversityMeter(dataset);
    if (dataset.data instanceof Float32Array) this.#reference = dataset.data.slice(0, 2 * count);
  }

  /** The generator as it is now: a grid of images, or a plot of points over those of the data. */
  async paint(engine: Engine): Promise<Painting> {
    const { data, shape } = await engine.generate(this.#z, 0, this.#labels);
    const values = data as Float32Array;
    return { png: await encodePng(this.#draw(values, shape)), diversity: this.#meter.measure(values) };
  }

  #draw(values: Float32Array, shape: readonly number[]): Picture {
    if (this.#program.sample.kind === 'points')
      return plotPoints(values, this.#reference ? { reference: this.#reference } : {});
    const [count, channels, height, width] = shape as [number, number, number, number];
    return imageGrid(values, { count, channels, height, width });
  }
}

/** Compares with samples from all over the data: folders come class by class. */
function diversityMeter(dataset: Dataset): DiversityMeter {
  const count = Math.min(compared[dataset.kind], dataset.count);
  const samples = gather(dataset, new EpochSampler(dataset.count, 0).indices(0, count));
  const units = (value: number) => (dataset.kind === 'images' ? value / 127.5 - 1 : value);
  return new DiversityMeter(Float32Array.from(samples, units), count);
}
