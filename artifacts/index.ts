export {
  latestCheckpoint,
  listCheckpoints,
  loadCheckpoint,
  pruneCheckpoints,
  saveCheckpoint,
} from './checkpoint.ts';
export type { Checkpoint, CheckpointContents, CheckpointEntry, LatestCheckpoint } from './checkpoint.ts';
export { InputError } from './errors.ts';
export { appendLine, readBytes, readJsonObject, readText, writeFileAtomic, writeJson } from './files.ts';
export type { JsonObject, JsonValue } from './files.ts';
export { decodeMetadata, encodeMetadata, generatorFormat, generatorFormatVersion } from './metadata.ts';
export type { GeneratorMetadata } from './metadata.ts';
export { readInitializers, readModelInfo } from './onnx/decode.ts';
export type { InitializerInfo, ModelInfo } from './onnx/decode.ts';
export { encodeModel } from './onnx/encode.ts';
export type { EncodeOptions } from './onnx/encode.ts';
export { readModelSummary } from './onnx/summary.ts';
export type { ModelSummary, PortInfo } from './onnx/summary.ts';
export { RunFolder } from './run-folder.ts';
export type { LogRecord } from './run-folder.ts';
export { decodeSafetensors, encodeSafetensors } from './safetensors.ts';
export type { TensorFile } from './safetensors.ts';
