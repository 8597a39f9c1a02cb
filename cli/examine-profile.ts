import { stat } from 'node:fs/promises';
import { InputError } from '../artifacts/errors.ts';
import { onFile } from '../artifacts/files.ts';
import { executionOf } from '../training/autotune/execution.ts';
import { deviceName, parseDevice } from '../training/device/device.ts';
import { explained } from '../training/memory.ts';
import { profileSteps } from '../training/profiling/profile-steps.ts';
import type { Profile, Share } from '../training/profiling/profile.ts';
import { openRunProgram } from '../training/run-program.ts';
import { lastGoodState } from '../training/start-state.ts';
import { onDevice } from './on-device.ts';
import type { Report, Row } from './report.ts';

/** Lines of each list; JSON has them all. */
const shown = { operators: 15, kinds: 15, nodes: 15, places: 30 };

/**
 * Where the time of a training step goes: some steps from the newest checkpoint of a run, or from its start, on noise of
 * the shape of its data.
 *
 * @param deviceText default: the device of the run
 * @param steps to measure
 * @throws InputError where the path is no run, or the device does not work
 */
export async function examineProfile(
  path: string,
  deviceText: string | undefined,
  steps: number,
): Promise<Report> {
  if (!(await onFile('read', path, () => stat(path))).isDirectory())
    throw new InputError(`${path}: is a file; --profile takes the folder of a run`);
  const { folder, config, program } = await openRunProgram(path);
  const device = parseDevice(deviceText ?? config.device);
  const execution = executionOf(config, program, device);
  const start = await lastGoodState(folder, config, program, () => undefined);
  const options = { steps, execution, ...(start ? { start } : {}) };
  const name = deviceName(device);
  const profile = await onDevice(device, () => profileSteps(program, device, options)).catch(
    (error: unknown) => {
      throw explained(error, { ...config, device: name });
    },
  );
  const of = { device: name, ...execution, fromStep: start?.step ?? 0 };
  return {
    what: `${counted(steps, 'step')} from step ${of.fromStep} on ${of.device}, ${of.target} graph, ${counted(of.threads, 'thread')}, with onnxruntime's profiler`,
    rows: rowsOf(profile),
    facts: { type: 'profile', path, ...of, ...profile },
  };
}

function rowsOf(profile: Profile): Row[] {
  const { milliseconds, kernels, executor, outside, programs, operators, kinds, nodes, places } = profile;
  const part = (time: number) => `${duration(time)}  ${percent(time / milliseconds)}`;
  const layers = places.flatMap((place) => [
    place,
    ...place.layers.map((layer) => ({ ...layer, name: `  ${layer.name}` })),
  ]);
  return [
    ['a step', duration(milliseconds)],
    ['kernels', part(kernels)],
    ['executor', `${part(executor)}  between kernels`],
    [
      'outside',
      `${part(outside)}  inputs, outputs${programs === undefined ? '' : ', waiting for the device'}`,
    ],
    ...(programs === undefined
      ? []
      : [['device', `${duration(programs)}  its programs, on its own clock`] as const]),
    ['operators', table(operators, shown.operators)],
    ['by shape', table(kinds, shown.kinds)],
    ['places', table(layers, shown.places)],
    [
      'nodes',
      table(
        nodes.map((node) => ({ ...node, name: `${node.name}  ${node.op}` })),
        shown.nodes,
      ),
    ],
  ];
}

/** Name, milliseconds a step, share and kernels a step in columns. */
function table(shares: readonly Share[], limit: number): string[] {
  const rows = shares.slice(0, limit);
  const width = Math.max(...rows.map(({ name }) => name.length));
  const lines = rows.map(
    ({ name, milliseconds, share, count }) =>
      `${name.padEnd(width)}  ${duration(milliseconds)}  ${percent(share)}  ${Number(count.toFixed(1))} kernels`,
  );
  return shares.length > limit ? [...lines, `and ${shares.length - limit} more`] : lines;
}

const duration = (milliseconds: number) => `${milliseconds.toFixed(3).padStart(9)} ms`;
const percent = (share: number) => `${(100 * share).toFixed(1).padStart(5)} %`;
const counted = (count: number, what: string) => `${count} ${what}${count === 1 ? '' : 's'}`;
