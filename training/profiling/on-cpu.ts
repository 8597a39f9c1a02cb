import type { Device } from '../../artifacts/device.ts';
import type { PlacedNode } from './placement.ts';

interface Exception {
  readonly device: Device['kind'];
  readonly op: string;
  /** Beginning of the node's name. */
  readonly name: string;
  readonly reason: string;
}

/**
 * Nodes that the CPU computes although another device is asked for, and why that is right. All others of a training
 * graph that ganx makes for a device must be computed there: each that is not makes the device wait for the host in
 * every step.
 */
const exceptions: readonly Exception[] = [
  {
    device: 'webgpu',
    op: 'Loop',
    name: 'steps/',
    reason: 'WebGPU has no Loop; ganx trains there with the graph of one step',
  },
  {
    device: 'webgpu',
    op: 'Cast',
    name: 'iteration/',
    reason: 'counts the iterations of that Loop, and WebGPU has no int64',
  },
];

/** Why a node may be computed on the CPU instead of on the device; undefined where it may not. */
export const reasonOnCpu = ({ op, name }: PlacedNode, device: Device): string | undefined =>
  exceptions.find(
    (exception) => exception.device === device.kind && exception.op === op && name.startsWith(exception.name),
  )?.reason;
