import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadCheckpoint } from '../../artifacts/checkpoint.ts';
import { ganx } from '../ganx.ts';
import { temporaryFolder } from '../temporary-folder.ts';
import { tiny, writeDigits } from './fixtures.ts';

// Real trainings, each made to fail in one way.

interface Line {
  readonly step: number;
  readonly rule: string;
  readonly rolledBackTo?: number;
}

async function lines(path: string): Promise<Line[]> {
  const text = await readFile(path, 'utf8').catch(() => '');
  return text
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Line);
}

const verdicts = (folder: string, out = 'run') => lines(join(folder, out, 'verdicts.jsonl'));
const set = (...settings: string[]) => settings.flatMap((setting) => ['--set', setting]);
const checkpoint = (folder: string, out: string, step: number) =>
  loadCheckpoint(join(folder, out, 'checkpoints', `step-${step}`));

const hardLabels = set(
  'techniques.softLabels.real=[1,1]',
  'techniques.softLabels.fake=[0,0]',
  'techniques.softLabels.swap=0',
);
const noNoise = set('techniques.instanceNoise.std=0');
/** A plain GAN on points: without the penalty that keeps the recommended one from failing. */
const points = [
  'ring8',
  '--batch',
  '64',
  ...set(
    'network.hidden=32',
    'network.layers=2',
    'network.zDim=4',
    'network.normalization=batch',
    'techniques.gradientPenalty={"real":0,"fake":0}',
    'techniques.rateDecay.decay=none',
    'techniques.instanceNoise={"std":0.1,"decay":"linear","steps":10000}',
  ),
  ...['generator', 'discriminator'].flatMap((network) =>
    set(
      `optimizer.${network}={"kind":"adam","learningRate":0.0002,"beta1":0.5,"beta2":0.999,"epsilon":1e-8}`,
    ),
  ),
];
/** D hardly learns, so that G finds a place where it is believed. */
const lazyDiscriminator = [
  ...points,
  ...set('optimizer.discriminator.learningRate=1e-6', 'optimizer.generator.learningRate=1e-3'),
];
/** Plain SGD without normalisation: diverges within ten steps at a rate of 0.3 and above, is stable at 0.2 and below. */
const sgd = (rate: number, momentum = 0) =>
  [
    ...points,
    ...set('network.normalization=none'),
    ...['discriminator', 'generator'].flatMap((network) =>
      set(`optimizer.${network}={"kind":"sgd","learningRate":${rate},"momentum":${momentum}}`),
    ),
    '--sample-every',
    '0',
    '--threads',
    '1',
  ] as const;

describe('a verdict falls on', () => {
  it.each([
    ['hard labels', hardLabels],
    ['soft labels', []],
  ])('a D that has won, with %s', async (_, labels) => {
    const folder = temporaryFolder();
    const data = await writeDigits(folder, 100);
    const rates = set('optimizer.generator.learningRate=1e-6', 'optimizer.discriminator.learningRate=2e-3');
    const { code, stdout } = await ganx(
      [
        'train',
        data,
        ...tiny,
        '--batch',
        '16',
        ...rates,
        ...labels,
        ...noNoise,
        '--sample-every',
        '0',
      ].concat(['--steps', '400', '--out', 'run']),
      folder,
    );
    expect(code).toBe(0);
    expect(stdout).toMatch(/^warning: D's loss has reached its floor at step \d+: .*; try --set .*$/m);
    expect((await verdicts(folder)).map(({ rule }) => rule)).toEqual(['discriminator-won']);
  });

  it('gradients that are too large', async () => {
    const folder = temporaryFolder();
    const data = await writeDigits(folder, 100);
    const wild = set('optimizer.discriminator.learningRate=0.2', 'network.normalization=none');
    const { stdout } = await ganx(
      ['train', data, ...tiny, ...wild, ...hardLabels, ...noNoise, '--steps', '50', '--out', 'run'],
      folder,
    );
    expect(stdout).toContain('warning: the gradient of G is too large at step 50: norm ');
  });

  it('a D that believes garbage; it shows in the report, in inspect, and once', async () => {
    const folder = temporaryFolder();
    const args = ['train', ...lazyDiscriminator, '--steps', '1000', '--out', 'run', '--json'];
    const { code, stdout } = await ganx(args, folder);
    expect(code).toBe(0);
    const events = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Line & { type: string });
    const told = events.filter(({ type }) => type === 'verdict');
    const kept = await verdicts(folder);
    expect(told).toEqual(kept.map((verdict) => ({ type: 'verdict', ...verdict })));
    expect(kept.filter(({ rule }) => rule === 'fooled-discriminator')).toHaveLength(1);

    const report = await readFile(join(folder, 'run/report.html'), 'utf8');
    expect(report).toContain('<h2>Verdicts</h2>\n<table');
    expect(report).toMatch(/<td>\d+<\/td><td>G&#39;s loss has fallen|<td>\d+<\/td><td>G's loss has fallen/);
    expect(report).toMatch(/<line [^>]*stroke-dasharray[^>]*><title>G/);
    const inspected = await ganx(['inspect', 'run'], folder);
    expect(inspected.stdout).toMatch(/verdicts +step \d+: G's loss has fallen steadily/);
    const facts = JSON.parse((await ganx(['inspect', 'run', '--json'], folder)).stdout) as object;
    expect(facts).toMatchObject({ verdicts: kept });
  });

  it('a loss that swings and samples that have collapsed', async () => {
    const folder = temporaryFolder();
    const rates = set('optimizer.discriminator.learningRate=0.1', 'optimizer.generator.learningRate=0.1');
    await ganx(['train', ...points, ...rates, '--steps', '1500', '--out', 'run'], folder);
    const rules = (await verdicts(folder)).map(({ rule }) => rule);
    expect(rules).toContain('unstable-discriminator');
    expect(rules).toContain('mode-collapse');
  });
});

describe('verdicts after --resume', () => {
  it('are those of a run in one piece', async () => {
    const folder = temporaryFolder();
    const train = (out: string, steps: number, ...more: string[]) =>
      ganx(
        ['train', ...lazyDiscriminator, '--threads', '1', '--sample-every', '100', '--out', out].concat([
          '--steps',
          String(steps),
          ...more,
        ]),
        folder,
      );
    expect((await train('whole', 800)).code).toBe(0);
    // One stop amid a block, one after the verdict.
    expect((await train('parts', 333)).code).toBe(0);
    expect((await train('parts', 700, '--resume')).code).toBe(0);
    expect((await train('parts', 800, '--resume')).code).toBe(0);
    expect((await verdicts(folder, 'whole')).length).toBeGreaterThan(0);
    expect(await verdicts(folder, 'parts')).toEqual(await verdicts(folder, 'whole'));
    const [whole, parts] = [await checkpoint(folder, 'whole', 800), await checkpoint(folder, 'parts', 800)];
    expect(parts.manifest.monitor).toEqual(whole.manifest.monitor);
    expect(parts.tensors).toEqual(whole.tensors);
  });
});

describe('--on-diverge', () => {
  it('stop: ends with code 3 and names rollback', async () => {
    const folder = temporaryFolder();
    const { code, stdout } = await ganx(['train', ...sgd(0.4), '--steps', '40', '--out', 'run'], folder);
    expect(code).toBe(3);
    expect(stdout).toMatch(
      /^warning: training diverged at step \d+: .*; try --set optimizer\.discriminator\.learningRate=0\.2 or --set optimizer\.generator\.learningRate=0\.2 or --on-diverge rollback$/m,
    );
    expect(await verdicts(folder)).toMatchObject([{ rule: 'divergence' }]);
  });

  it('rollback: goes back with half the learning rates, and resumes with these', async () => {
    const folder = temporaryFolder();
    const train = (out: string, steps: number, ...more: string[]) =>
      ganx(
        ['train', ...sgd(0.4), '--on-diverge', 'rollback', '--out', out, '--steps', String(steps), ...more],
        folder,
      );
    const whole = await train('whole', 100);
    expect(whole.code).toBe(0);
    expect(whole.stdout).toMatch(
      /warning: training diverged at step \d+: .*\nrolled back to step 0; learning rates x 0\.5\n/,
    );
    expect((await train('parts', 60)).code).toBe(0);
    const resumed = await train('parts', 100, '--resume');
    expect(resumed.code).toBe(0);
    expect(resumed.stdout).not.toContain('diverged');
    // A run that starts with the halved rates is the same from its first step on.
    const halved = ['train', ...sgd(0.2), '--out', 'halved', '--steps', '100'];
    expect((await ganx(halved, folder)).code).toBe(0);

    const [a, b, c] = await Promise.all(
      ['whole', 'parts', 'halved'].map((out) => checkpoint(folder, out, 100)),
    );
    expect(a!.manifest.rateScale).toBe(0.5);
    expect(b!.manifest.rateScale).toBe(0.5);
    expect(a!.tensors).toEqual(c!.tensors);
    expect(b!.tensors).toEqual(c!.tensors);
    expect(await verdicts(folder, 'whole')).toMatchObject([{ rule: 'divergence', rolledBackTo: 0 }]);
    expect(await verdicts(folder, 'parts')).toEqual(await verdicts(folder, 'whole'));
    const log = await lines(join(folder, 'parts/log.jsonl'));
    expect(log.map(({ step }) => step)).toEqual([10, 20, 30, 40, 50, 60, 70, 80, 90, 100]);
    expect(await readFile(join(folder, 'parts/report.html'), 'utf8')).toContain('went back to step 0');
  });

  it('rollback: takes the undone steps out of the log', async () => {
    const folder = temporaryFolder();
    // With momentum it takes 17 steps to diverge, and the log has step 10 by then.
    const args = ['train', ...sgd(0.1, 0.9), '--on-diverge', 'rollback', '--steps', '120', '--out', 'run'];
    await ganx(args, folder);
    const [first] = await verdicts(folder);
    expect(first!.step).toBeGreaterThan(10);
    expect(first!.rolledBackTo).toBe(0);
    const steps = (await lines(join(folder, 'run/log.jsonl'))).map(({ step }) => step);
    expect(steps).toEqual(steps.map((_, i) => 10 * (i + 1)));
  });

  it('rollback: gives up after three, with code 3 and the last good checkpoint', async () => {
    const folder = temporaryFolder();
    // A state of a run on the point of diverging is not saved by lower rates.
    const args = [...sgd(1), '--steps', '4000', '--checkpoint-every', '3', '--on-diverge', 'rollback'];
    const { code, stdout } = await ganx(['train', ...args, '--out', 'run', '--json'], folder);
    expect(code).toBe(3);
    const events = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Line & { type: string; rateScale?: number });
    const rollbacks = events.filter(({ type }) => type === 'rollback');
    expect(rollbacks.map(({ rateScale }) => rateScale)).toEqual([0.5, 0.25, 0.125]);
    expect(events.at(-1)).toMatchObject({ type: 'end', outcome: 'diverged' });
    const kept = await verdicts(folder);
    expect(kept.map(({ rule }) => rule)).toEqual(Array(4).fill('divergence'));
    expect(kept.map(({ rolledBackTo }) => rolledBackTo)).toEqual([3, 3, 3, undefined]);

    // Each checkpoint is good: all of its tensors are finite.
    const steps = await readdir(join(folder, 'run/checkpoints'));
    expect(steps.length).toBeGreaterThan(0);
    for (const step of steps) {
      const { tensors } = await loadCheckpoint(join(folder, 'run/checkpoints', step));
      for (const { dtype, data } of tensors.values())
        expect(dtype !== 'float32' || (data as Float32Array).every(Number.isFinite)).toBe(true);
    }
    expect(await readdir(join(folder, 'run'))).toContain('generator.onnx');
  });

  it('rollback: in mixed precision not to a state whose gradients had overflowed already', async () => {
    const folder = temporaryFolder();
    const optimizer = JSON.stringify({ kind: 'sgd', learningRate: 1, momentum: 0.99 });
    const settings = [
      'precision=mixed',
      'network.filters=4',
      'network.zDim=8',
      'network.normalization=none',
      'loss=f-kl',
      `optimizer.generator=${optimizer}`,
      `optimizer.discriminator=${optimizer}`,
    ];
    const set = settings.flatMap((setting) => ['--set', setting]);
    // Some steps in which it still learns, then 17 in which the factor of D's loss goes down.
    const args = [
      '--size',
      '16',
      '--batch',
      '8',
      '--threads',
      '1',
      '--steps',
      '100',
      '--checkpoint-every',
      '20',
    ];
    await ganx(['train', ...args, ...set, '--on-diverge', 'rollback', '--out', 'run'], folder);
    const [first] = await verdicts(folder);
    expect(first!.step).toBeGreaterThan(20);
    expect(first!.rolledBackTo).toBe(0);
    const report = await readFile(join(folder, 'run/report.html'), 'utf8');
    expect(report).toMatch(/<tspan[^>]*>dLossScale<\/tspan><tspan[^>]*>gLossScale<\/tspan><\/text>/);
  });

  it('refuses anything else', async () => {
    const { code, stderr } = await ganx(['train', '--on-diverge', 'pray'], temporaryFolder());
    expect({ code, stderr }).toEqual({
      code: 2,
      stderr: 'ganx: --on-diverge: "pray" is unknown; expected stop or rollback\n',
    });
  });
});
