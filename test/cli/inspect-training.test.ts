import { readdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { encodeSafetensors } from '../../artifacts/safetensors.ts';
import { tensor } from '../../graph-builder/types.ts';
import { trainingModels } from '../../training/models.ts';
import type { Profile } from '../../training/profiling/profile.ts';
import { everyTechnique, smallProgram } from '../training/every-technique.ts';
import { onWebgpu, webgpuEnvironment, webgpuLacks } from '../software-webgpu.ts';
import { ganx, program as ganxProgram, refusal, run } from '../ganx.ts';
import { sharedFolder } from '../temporary-folder.ts';

/* `ganx inspect` with --placement and --profile. */

const folder = sharedFolder();
const small = ['--batch', '8', '--set', 'network.hidden=16', '--set', 'network.layers=2'];

beforeAll(async () => {
  const trained = await ganx(['train', 'ring8', '--out', 'run', '--steps', '4', ...small], folder);
  expect(trained.code).toBe(0);
  writeFileSync(join(folder, 'x.safetensors'), encodeSafetensors(new Map([['x', tensor('float32', [1])]])));
});

const inspect = async (...args: string[]) => {
  const { code, stdout, stderr } = await run(process.execPath, [ganxProgram, 'inspect', ...args], {
    cwd: folder,
    env: webgpuLacks ? process.env : webgpuEnvironment(),
  });
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return stdout;
};

interface Placed {
  readonly counts: Record<string, number>;
  readonly elsewhere: { op: string; name: string; provider: string; reason: string | null }[];
}
const placement = async (...args: string[]) =>
  JSON.parse(await inspect(...args, '--placement', '--json')) as Placed;

describe('--placement', () => {
  test('on the CPU: all nodes of the loop, and of one step, are there', async () => {
    expect(await inspect('run', '--placement')).toMatch(
      /^run: training loop of a run, as it is made for cpu\n {2}cpu +\d+ nodes\n {2}elsewhere +none\n$/,
    );
    const { counts, elsewhere } = await placement('run/training-step.onnx');
    expect(counts.cpu).toBeGreaterThan(100);
    expect(elsewhere).toEqual([]);
  });

  test.skipIf(webgpuLacks !== undefined)(
    onWebgpu('names what WebGPU leaves to the CPU, and why where that is known'),
    async () => {
      const { counts, elsewhere } = await placement('run/training-loop.onnx', '--device', 'webgpu');
      expect(counts.cpu).toBe(elsewhere.length);
      const reasons = elsewhere.map(({ op, reason }) => [op, reason !== null]);
      expect(reasons).toContainEqual(['Loop', true]);
      // Made for the CPU, so its random numbers are cut as WebGPU cannot.
      expect(reasons).toContainEqual(['Slice', false]);
      expect(await inspect('run/training-loop.onnx', '--placement', '--device', 'webgpu')).toContain(
        'Loop  steps/Loop  cpu: WebGPU has no Loop',
      );
    },
  );

  test.skipIf(webgpuLacks !== undefined).each(Object.entries(everyTechnique))(
    onWebgpu('every node of a training step is on WebGPU: %s'),
    async (name, recipe) => {
      const file = `${name.replaceAll(/\W/g, '-')}.onnx`;
      const { step } = trainingModels(smallProgram(recipe), { kind: 'webgpu', index: 0 });
      writeFileSync(join(folder, file), step);
      const { counts, elsewhere } = await placement(file, '--device', 'webgpu');
      expect(elsewhere.filter(({ reason }) => reason === null)).toEqual([]);
      expect(counts.webgpu).toBeGreaterThan(100);
    },
  );

  test.each(['--placement', '--profile'])(
    '%s says why a device does not work, as train does',
    async (what) => {
      const { code, stderr } = await ganx(['inspect', 'run', what, '--device', 'cuda:9'], folder);
      expect(stderr).toMatch(
        /^ganx: --device: cuda:9 does not work here: .+; "ganx doctor" tells what mends it\n$/,
      );
      expect(code).toBe(2);
    },
  );

  test('refuses what has no nodes', async () => {
    expect(await ganx(['inspect', 'x.safetensors', '--placement'], folder)).toEqual(
      refusal(
        'x.safetensors: safetensors hold no nodes; --placement takes the folder of a run or an .onnx model',
      ),
    );
    expect(await ganx(['inspect', 'run/checkpoints/step-4', '--placement'], folder)).toEqual(
      refusal(
        'run/checkpoints/step-4: not the folder of a run (no recipe.json; found manifest.json, state.safetensors)',
      ),
    );
    writeFileSync(join(folder, 'broken.onnx'), 'no model');
    expect((await ganx(['inspect', 'broken.onnx', '--placement'], folder)).stderr).toMatch(
      /^ganx: broken\.onnx: not an ONNX model \(.*\)\n$/,
    );
  });
});

describe('--profile', () => {
  test('tells where the time of a step goes, and leaves nothing in the folder of the run or of the system', async () => {
    const left = () => readdirSync(tmpdir()).filter((name) => name.startsWith('ganx-profile-'));
    const before = [left(), readdirSync(join(folder, 'run'))];
    const text = await inspect('run', '--profile', '--steps', '2');
    expect(text).toMatch(
      /^run: 2 steps from step 4 on cpu, cpu graph, 1 thread, with onnxruntime's profiler\n/,
    );
    for (const row of [
      'a step',
      'kernels',
      'executor',
      'outside',
      'operators',
      'by shape',
      'places',
      'nodes',
    ])
      expect(text).toMatch(new RegExp(`^  ${row} `, 'm'));
    const facts = JSON.parse(await inspect('run', '--profile', '--json')) as Profile & { type: string };
    expect(facts).toMatchObject({ type: 'profile', device: 'cpu', fromStep: 4, steps: 10, clock: 'host' });
    expect(facts.kernels + facts.executor + facts.outside).toBeCloseTo(facts.milliseconds, 6);
    expect([left(), readdirSync(join(folder, 'run'))]).toEqual(before);
  });

  test.skipIf(webgpuLacks !== undefined)(
    onWebgpu('times the programs of a WebGPU device by its own clock'),
    async () => {
      const facts = JSON.parse(
        await inspect('run', '--profile', '--steps', '2', '--device', 'webgpu', '--json'),
      ) as Profile;
      expect(facts).toMatchObject({ clock: 'device', steps: 2 });
      expect(Object.keys(facts.providers)).toEqual(['webgpu']);
      expect(facts.programs).toBeGreaterThan(0);
      expect(facts.operators.reduce((sum, { milliseconds }) => sum + milliseconds, 0)).toBeCloseTo(
        facts.programs!,
        6,
      );
    },
    900_000,
  );

  test('refuses what is no run', async () => {
    expect(await ganx(['inspect', 'run/training-loop.onnx', '--profile'], folder)).toEqual(
      refusal('run/training-loop.onnx: is a file; --profile takes the folder of a run'),
    );
    expect(await ganx(['inspect', 'x', '--profile'], folder)).toEqual(
      refusal('x: cannot read: no such file or folder (ENOENT)'),
    );
  });
});

test.each([
  [['--device', 'cpu'], '--device: only with --placement or --profile'],
  [['--steps', '3', '--placement'], '--steps: only with --profile'],
  [['--steps', '0', '--profile'], '--steps: "0" must be an integer from 1 to 1000'],
  [
    ['--device', 'tpu', '--profile'],
    '--device: "tpu" is unknown; expected cpu, cuda, cuda:<index> or webgpu',
  ],
  [['--placement', '--profile'], "option '--placement' cannot be used with option '--profile'"],
])('refuses %j', async (args, message) => {
  expect(await ganx(['inspect', 'run', ...args], folder)).toEqual(refusal(message));
});
