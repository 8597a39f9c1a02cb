import type { GeneratorMetadata } from '../../artifacts/metadata.ts';
import { planFrames, planSamples } from '../plan.ts';
import type { SamplePlan } from '../plan.ts';
import { frameRows, sampleRows } from '../rows.ts';
import type { Rows } from '../rows.ts';
import type { GenerateBody, InterpolateBody } from './fields.ts';

/** What a request comes to. */
export interface Work {
  readonly plan: SamplePlan;
  readonly rows: Rows;
}

/** @throws InputError naming the field that is wrong. */
export function planGenerate(metadata: GeneratorMetadata, body: GenerateBody): Work {
  const { n, seed = 0, label, truncation } = body;
  const plan = planSamples(metadata, n, {
    seed,
    ...(label !== undefined && { label }),
    ...(truncation !== undefined && { truncation }),
  });
  return { plan, rows: sampleRows(plan) };
}

/** @throws InputError naming the field that is wrong. */
export function planInterpolate(metadata: GeneratorMetadata, body: InterpolateBody): Work {
  const { a, b, frames, label, seed, path } = body;
  const end = (value: number | readonly number[]) =>
    typeof value === 'number' ? value : Float32Array.from(value);
  const plan = planFrames(metadata, end(a), end(b), frames, {
    ...(seed !== undefined && { seed }),
    ...(label !== undefined && { label }),
    ...(path !== undefined && { path }),
  });
  return { plan, rows: frameRows(plan, metadata.random) };
}
