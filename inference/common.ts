// What node.ts and browser.ts both make public.

export { InputError } from '../artifacts/errors.ts';
export type { GeneratorMetadata } from '../artifacts/metadata.ts';
export type {
  Backend,
  Drawable,
  InterpolateOptions,
  Label,
  PictureOptions,
  ReconstructOptions,
  SampleOptions,
  Samples,
} from './generator.ts';
export { greatCircle, latents, lerp, slerp, straightLine } from './latent.ts';
export type { Optimization } from './settings.ts';
export type { ModelSource, Progress } from './source.ts';
