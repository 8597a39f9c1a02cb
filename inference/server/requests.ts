import type { GeneratorMetadata } from '../../artifacts/metadata.ts';
import { endPoint, planSamples } from '../generator.ts';
import type { SamplePlan } from '../generator.ts';
import { labelOf } from '../labels.ts';
import { greatCircle, straightLine } from '../latent.ts';
import type { GenerateBody, InterpolateBody, Label } from './fields.ts';
import { frameRows, sampleRows } from './rows.ts';
import type { Rows } from './rows.ts';

/** What a request comes to. */
export interface Work {
  readonly plan: SamplePlan;
  readonly rows: Rows;
}

/** @throws InputError naming the field that is wrong. */
export function planGenerate(metadata: GeneratorMetadata, body: GenerateBody): Work {
  const { n = 1, seed = 0, label, truncation } = body;
  const number = (one: Label) => (typeof one === 'string' ? labelOf(one, metadata) : one);
  const labels = typeof label === 'object' ? label.map(number) : label === undefined ? label : number(label);
  const plan = planSamples(metadata, n, {
    seed,
    ...(labels !== undefined && { label: labels }),
    ...(truncation !== undefined && { truncation }),
  });
  return { plan, rows: sampleRows(plan) };
}

/** @throws InputError naming the field that is wrong. */
export function planInterpolate(metadata: GeneratorMetadata, body: InterpolateBody): Work {
  const { a, b, frames = 8, seed = 0, label = 0, path } = body;
  const end = (name: string, value: number | readonly number[]) =>
    endPoint(name, typeof value === 'number' ? value : Float32Array.from(value), metadata);
  const z = (path === 'line' ? straightLine : greatCircle)(end('a', a), end('b', b), frames);
  const plan = planSamples(metadata, frames, {
    seed,
    z,
    ...(metadata.conditional && { label: typeof label === 'string' ? labelOf(label, metadata) : label }),
  });
  return { plan, rows: frameRows(plan, metadata.random) };
}
