/**
 * onnxruntime 1.30 for Linux and macOS sends how it is used to Microsoft, and keeps a number of the machine in the user's
 * cache folder, unless a variable of the environment says otherwise before it is loaded. ganx says so, where the user
 * has said nothing. To be called in the main thread: a worker's environment is a copy that onnxruntime does not read.
 */
export function withoutTelemetry(): void {
  process.env.ORT_DISABLE_TELEMETRY ??= '1';
}
