import { installRuntime } from '../artifacts/onnxruntime-node.ts';
import { diagnoseCuda } from '../training/device/cuda/diagnose.ts';
import { probe } from '../training/device/probe.ts';
import { isClearlyFaster, speedOf, webgpuAdvice } from '../training/device/webgpu.ts';
import type { Finding } from './finding.ts';

/** Whether each device really computes. One after the other, because they are measured. */
export async function deviceFindings(): Promise<Finding[]> {
  return [await cpu(), await cuda(), await webgpu()];
}

async function cpu(): Promise<Finding> {
  const name = 'cpu';
  const probed = await probe({ kind: 'cpu', index: 0 });
  return probed.works
    ? { name, status: 'ok', detail: 'computes' }
    : { name, status: 'failed', detail: probed.reason, advice: [`reinstall it: ${installRuntime}`] };
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
