import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { availableParallelism, cpus } from 'node:os';

/** Where figures come from. */
export interface Machine {
  readonly cpu: string;
  /** Logical processors that this process may use. */
  readonly cores: number;
  readonly node: string;
  readonly onnxruntime: string;
  /** Version of PyTorch; null where `python3` does not find it. */
  readonly torch: string | null;
  /** What PyTorch calls the GPU; null where it sees none. */
  readonly gpu: string | null;
}

const askPyTorch = `
import json, torch
gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else None
print(json.dumps({"torch": torch.__version__, "gpu": gpu}))`;

export function machine(): Machine {
  const { version } = createRequire(import.meta.url)('onnxruntime-node/package.json') as { version: string };
  const { status, stdout } = spawnSync('python3', ['-c', askPyTorch], { encoding: 'utf8' });
  const { torch, gpu } = (status === 0 ? JSON.parse(stdout) : { torch: null, gpu: null }) as Pick<
    Machine,
    'torch' | 'gpu'
  >;
  return {
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: availableParallelism(),
    node: process.versions.node,
    onnxruntime: version,
    torch,
    gpu,
  };
}

/** One line above a table. */
export function describeMachine({ cpu, cores, node, onnxruntime, torch, gpu }: Machine): string {
  const parts = [`${cpu}, ${cores} cores`, ...(gpu === null ? [] : [gpu]), `Node ${node}`];
  return [...parts, `onnxruntime ${onnxruntime}`, torch === null ? 'no PyTorch' : `PyTorch ${torch}`].join(
    ' · ',
  );
}
