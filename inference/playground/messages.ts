import type { Backend, GeneratorMetadata, Progress, SampleOptions, Samples } from '../browser.ts';

/** Where the page has a model from: an address, or a file of the user. */
export type Source = string | File;

/** What the worker is asked, one question at a time. */
export type Question =
  | { readonly load: Source; readonly device: 'auto' | 'wasm' | 'webgpu'; readonly wasmPaths: string }
  | { readonly sample: number; readonly options: SampleOptions };

export interface Loaded {
  readonly metadata: GeneratorMetadata;
  readonly backend: Backend;
}

export interface Drawn extends Samples {
  readonly milliseconds: number;
}

/** What it answers. Progress comes before an answer. */
export type Answer =
  | { readonly progress: Progress }
  | { readonly loaded: Loaded }
  | { readonly drawn: Drawn }
  | { readonly problem: string };
