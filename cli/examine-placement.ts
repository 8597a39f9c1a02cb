import { stat } from 'node:fs/promises';
import type { Device } from '../artifacts/device.ts';
import { InputError } from '../artifacts/errors.ts';
import { onFile, readBytes } from '../artifacts/files.ts';
import { readExternalFiles } from '../artifacts/onnx/external-data.ts';
import { parseModel } from '../artifacts/onnx/parse.ts';
import { executionOf } from '../training/autotune/execution.ts';
import { deviceName, parseDevice } from '../training/device/device.ts';
import { driverOf, trainingModels } from '../training/models.ts';
import { placeModel } from '../training/profiling/place-model.ts';
import type { Placement } from '../training/profiling/placement.ts';
import { reasonOnCpu } from '../training/profiling/on-cpu.ts';
import { openRunProgram } from '../training/run-program.ts';
import { looksLikeSafetensors } from './examine.ts';
import { onDevice } from './on-device.ts';
import type { Report, Row } from './report.ts';

/** Nodes that are shown; JSON has them all. */
const nodesShown = 40;

/**
 * Which provider computes the nodes of a model, or those of the training step of a run.
 *
 * @param deviceText default: the device of the run, or cpu
 * @throws InputError where the path is neither, or the device does not work
 */
export async function examinePlacement(path: string, deviceText: string | undefined): Promise<Report> {
  const { model, device, what } = await modelAt(path, deviceText);
  const { counts, nodes } = await onDevice(device, () => placeModel(model, device, path));
  const elsewhere = Object.entries(nodes)
    .filter(([provider]) => provider !== device.kind)
    .flatMap(([provider, placed]) =>
      placed.map((node) => ({ ...node, provider, reason: reasonOnCpu(node, device) ?? null })),
    );
  return {
    what,
    rows: [
      ...Object.entries(counts).map(([provider, count]): Row => [provider, `${count} nodes`]),
      ['elsewhere', listed(counts, elsewhere, device)],
    ],
    facts: { type: 'placement', path, device: deviceName(device), counts, elsewhere },
  };
}

interface Located {
  /** Its bytes, or the path of its file. */
  readonly model: Uint8Array | string;
  readonly device: Device;
  readonly what: string;
}

async function modelAt(path: string, deviceText: string | undefined): Promise<Located> {
  const found = await onFile('read', path, () => stat(path));
  if (found.isDirectory()) {
    const { program, config } = await openRunProgram(path);
    const device = parseDevice(deviceText ?? config.device);
    const graph = driverOf(device) === 'step' ? 'training step' : 'training loop';
    return {
      model: trainingModels(program, device, executionOf(config, program, device).target).engine,
      device,
      what: `${graph} of a run, as it is made for ${deviceName(device)}`,
    };
  }
  if (await looksLikeSafetensors(path))
    throw new InputError(
      `${path}: safetensors hold no nodes; --placement takes the folder of a run or an .onnx model`,
    );
  // Onnxruntime would name a missing file of weights in its own way.
  await readExternalFiles(parseModel(await readBytes(path), path).graph.initializer, path);
  const device = parseDevice(deviceText ?? 'cpu');
  return { model: path, device, what: `model, as it is on ${deviceName(device)}` };
}

function listed(
  counts: Placement['counts'],
  elsewhere: readonly { op: string; name: string; provider: string; reason: string | null }[],
  { kind }: Device,
): string[] {
  // onnxruntime lists no nodes where one provider has them all.
  if (counts[kind] === undefined) return [`all of them: none is on ${kind}`];
  if (elsewhere.length === 0) return ['none'];
  const lines = elsewhere
    .slice(0, nodesShown)
    .map(({ op, name, provider, reason }) => `${op}  ${name}  ${provider}${reason ? `: ${reason}` : ''}`);
  const more = elsewhere.length - lines.length;
  return more > 0 ? [...lines, `and ${more} more`] : lines;
}
