export { openDataset } from './data/dataset.ts';
export type { DataOptions, Dataset } from './data/dataset.ts';
export type { TrainEvent } from './events.ts';
export type { TrainOptions } from './plan.ts';
export { presets } from './presets.ts';
export { resolveRecipe } from './recipe.ts';
export { recipeSchema } from './recipe-schema.ts';
export { train } from './train.ts';
export type { TrainResult } from './train.ts';
