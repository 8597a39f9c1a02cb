import { buffer } from 'node:stream/consumers';
import type { Device } from '../../artifacts/device.ts';
import { loadQuietRuntime } from '../../artifacts/onnxruntime-node.ts';
import { sessionOptions } from '../engine/onnxruntime.ts';

// A program of its own: `node log-placement.js DEVICE`, with DEVICE as JSON and a model on standard input. Makes a
// session with onnxruntime's whole log on standard error; where that fails, the reason is on standard output.

const device = JSON.parse(process.argv[2]!) as Device;
try {
  const ort = await loadQuietRuntime();
  ort.env.logLevel = 'verbose';
  const options = { ...sessionOptions(device, 1), logSeverityLevel: 0 } as const;
  const session = await ort.InferenceSession.create(await buffer(process.stdin), options);
  await session.release();
} catch (error) {
  process.stdout.write((error as Error).message);
  process.exitCode = 1;
}
