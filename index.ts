export { InputError } from './artifacts/errors.ts';
export { ganxVersion } from './artifacts/version.ts';
export {
  buildProgram,
  compile,
  discriminatorGraph,
  generatorGraph,
  GraphError,
} from './graph-builder/index.ts';
export type { Recipe, SampleSpec, Telemetry, TrainingProgram } from './graph-builder/index.ts';
export { exportRun, presets, resolveRecipe, train } from './training/index.ts';
export type {
  ExportResult,
  ExportRunOptions,
  RuleName,
  TrainEvent,
  TrainOptions,
  TrainResult,
  Verdict,
} from './training/index.ts';
