export { exportRun } from './export-run.ts';
export type { ExportResult, ExportRunOptions } from './export-run.ts';
export type { TrainEvent } from './events.ts';
export type { RuleName, Verdict } from './monitor/verdict.ts';
export type { TrainOptions } from './options.ts';
export { presets } from './presets.ts';
export { resolveRecipe } from './recipe.ts';
export { train } from './train.ts';
export type { TrainResult } from './train.ts';
