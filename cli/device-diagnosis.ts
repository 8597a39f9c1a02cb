import { installRuntime } from '../artifacts/onnxruntime-node.ts';
import { diagnoseCuda } from '../training/device/cuda/diagnose.ts';
import { probe } from '../training/device/probe.ts';
import { isClearlyFaster, speedOf, webgpuAdvice } from '../training/device/webgpu.ts';
import type { Finding } from './finding.ts';

/**
 * Whether each device really computes. One after the other, because they are measured; the CPU alone where not even that
 * works, because the others would only repeat why.
 */
export async function deviceFindings(): Promise<Finding[]> {
  const first = await cpu();
  return first.status === 'ok' ? [first, await cuda(), await webgpu()] : [first];
}

async function cpu(): Promise<Finding> {
  const name = 'cpu';
  const probed = await probe({ kind: 'cpu', index: 0 });
  if (probed.works) return { name, status: 'ok', detail: 'computes' };
  const failed = { name, status: 'failed', detail: probed.reason } as const;
  // Where it does not load, that has said whether installing it helps.
  return probed.reason.startsWith('onnxruntime-node ')
    ? failed
    : { ...failed, advice: [`reinstall it: ${installRuntime}`] };
}

export async function cuda(): Promise<Finding> {
  const name = 'cuda';
  const diagnosis = await diagnoseCuda(0);
  if (diagnosis.works) {
    const { halvesProblem } = diagnosis;
    const halves = halvesProblem === undefined ? '' : `; not with precision=mixed: ${halvesProblem}`;
    return { name, status: 'ok', detail: `computes, ${speedOf(diagnosis)}${halves}` };
  }
  const { problems } = diagnosis;
  return {
    name,
    status: 'missing',
    detail: problems.map(({ what }) => what).join('; '),
    advice: problems.flatMap(({ mend }) => mend),
  };
}

async function webgpu(): Promise<Finding> {
  const name = 'webgpu';
  const probed = await probe({ kind: 'webgpu', index: 0 });
  if (!probed.works) return { name, status: 'missing', detail: probed.reason, advice: [webgpuAdvice()] };
  const chosen = isClearlyFaster(probed) ? '' : ' (not chosen by --device auto)';
  return { name, status: 'ok', detail: `computes, ${speedOf(probed)}${chosen}` };
}
