import { loadQuietRuntime } from '../../artifacts/onnxruntime-node.ts';
import type { Engine, EngineSpec } from './engine.ts';
import { createSessionEngine } from './session-engine.ts';

/** Runs in the calling thread, which stands still meanwhile; `worker-engine.ts` runs one of these in a worker. */
export async function createLocalEngine(spec: EngineSpec): Promise<Engine> {
  return createSessionEngine(await loadQuietRuntime(), spec);
}
