import { buffer } from 'node:stream/consumers';
import type { Device } from '../../artifacts/device.ts';
import { loadQuietRuntime } from '../../artifacts/onnxruntime-node.ts';
import { sessionOptions } from '../engine/onnxruntime.ts';

// A program of its own: `node log-placement.js DEVICE [PATH]`, with DEVICE as JSON; without the path of a model it comes
// on standard input. Makes a session with onnxruntime's whole log on standard error; where that fails, the reason is on
// standard output.

const device = JSON.parse(process.argv[2]!) as Device;
const path = process.argv[3];
try {
  const ort = await loadQuietRuntime();
  ort.env.logLevel = 'verbose';
  const options = { ...sessionOptions(device, 1), logSeverityLevel: 0 } as const;
  const { InferenceSession } = ort;
  const session =
    path === undefined
      ? await InferenceSession.create(await buffer(process.stdin), options)
      : await InferenceSession.create(path, options);
  await session.release();
} catch (error) {
  process.stdout.write((error as Error).message);
  process.exitCode = 1;
}
