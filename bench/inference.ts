import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodeMetadata } from '../artifacts/metadata.ts';
import { encodeModel } from '../artifacts/onnx/encode.ts';
import { encodeSafetensors } from '../artifacts/safetensors.ts';
import { generatorGraph } from '../graph-builder/export.ts';
import { initialize } from '../graph-builder/initializer.ts';
import { buildProgram } from '../graph-builder/program.ts';
import { compile } from '../graph-builder/rewrites/index.ts';
import { Generator } from '../inference/node.ts';
import { beside, flags, pythonScript } from './processes.ts';
import { casesIn, checkCase } from './cases.ts';
import type { Case } from './cases.ts';
import { compareSides } from './compare.ts';
import { Contestant } from './contestant.ts';
import { inferenceCases } from './inference-cases.ts';
import { benchOptions, compilePatience, onMachine, optionLines, writeFigures } from './options.ts';
import type { BenchOptions } from './options.ts';
import { comparisonsToJson, comparisonTable, shown } from './report.ts';
import type { Comparison } from './report.ts';

const usage = `usage: npm run bench -- inference [options]
${optionLines('0.5')}`;

const batches = [1, 64] as const;

export async function inferenceBenchmark(args: readonly string[]): Promise<void> {
  const asked = benchOptions(args, usage, '0.5');
  if (!asked) return;
  if (asked.profile)
    throw new Error('--profile: takes a training step apart, not a generator; see "npm run bench -- step"');
  checkCase(inferenceCases, asked);
  const { machine, options } = onMachine(asked);
  const comparisons = await inferenceFigures(options);
  console.log(comparisonTable(comparisons));
  writeFigures(options.json, { machine, options, inference: comparisonsToJson(comparisons) });
}

/** All sides of each generator, for one sample and for many. */
export async function inferenceFigures(options: BenchOptions): Promise<readonly Comparison[]> {
  const comparisons: Comparison[] = [];
  const folder = await mkdtemp(join(tmpdir(), 'ganx-bench-'));
  try {
    for (const each of casesIn(inferenceCases, options))
      for (const batch of batches) {
        console.error(`inference ${each.name}, ${batch} ...`);
        comparisons.push(shown(await compare(each, batch, folder, options)));
      }
  } finally {
    await rm(folder, { recursive: true });
  }
  return comparisons;
}

async function compare(
  each: Case,
  batch: number,
  folder: string,
  options: BenchOptions,
): Promise<Comparison> {
  const { model, weights, proof } = await writeModel(each, folder);
  const { threads, seconds, device, tf32 } = options;
  const ganx = (runtime: string, { workers = 0, compile = false } = {}) =>
    new Contestant(process.execPath, [
      beside('inference-process.js'),
      ...flags({ runtime, model, batch, threads, seconds, device, workers, compile }),
    ]);
  const many = batch > 1 && device === 'cpu';
  const pytorch = (mode: string) =>
    new Contestant('python3', [
      pythonScript('pytorch_inference.py'),
      mode,
      ...flags({ case: JSON.stringify(each), weights, batch, threads, seconds, device, tf32 }),
    ]);
  const compared = await compareSides(
    [
      { name: 'ganx', start: () => ganx('node') },
      ...(many ? [{ name: 'ganx, compiled', start: () => ganx('node', { compile: true }) }] : []),
      ...(many && threads > 1
        ? [{ name: 'ganx, workers', start: () => ganx('node', { workers: threads }) }]
        : []),
      { name: 'ganx in wasm', start: () => ganx('wasm') },
      ...(options.pytorch
        ? [
            { name: 'PyTorch eager', start: () => pytorch('eager') },
            {
              name: 'PyTorch compile',
              start: () => pytorch('compile'),
              patience: compilePatience(options),
            },
          ]
        : []),
    ],
    options.rounds,
    // Sums in TF32 differ.
    (name, { proof: theirs }) => {
      if (theirs !== undefined && device === 'cpu')
        checkSame(proof, theirs as readonly number[], `${each.name}, ${name}`);
    },
  );
  return { ...compared, case: `inference ${each.name}, ${batch}`, images: batch, notes: {} };
}

/** The generator of a case with its initial weights, for both sides, and what it draws without dropout. */
async function writeModel({ recipe, sample }: Case, folder: string) {
  const program = buildProgram(recipe, sample);
  const specs = [...program.generator.parameters, ...program.generator.statistics];
  const tensors = new Map(specs.map((spec) => [spec.name, initialize(spec, 1)]));
  const encode = (deterministic: boolean) =>
    encodeModel(compile(generatorGraph(program, tensors, { deterministic }), 'portable'), {
      metadata: encodeMetadata({
        ganxVersion: '0',
        recipe: recipe.name,
        kind: sample.kind,
        zDim: recipe.network.zDim,
        latent: 'normal',
        shape: sample.shape,
        valueRange: [-1, 1],
        classes: [],
        conditional: false,
        random: program.randomAtInference && !deterministic,
        techniques: [],
        weights: 'live',
        steps: 0,
        images: 0,
        parameterCount: 0,
      }),
    });
  const [model, weights] = [join(folder, 'generator.onnx'), join(folder, 'weights.safetensors')];
  await writeFile(model, encode(false));
  await writeFile(weights, encodeSafetensors(tensors));
  const generator = await Generator.load(encode(true), { threads: 1 });
  const { data } = await generator.sample(4, { z: new Float32Array(4 * recipe.network.zDim).fill(0.5) });
  await generator.dispose();
  return { model, weights, proof: data };
}

function checkSame(ours: Float32Array, theirs: readonly number[], name: string): void {
  const farthest = theirs.reduce((most, value, i) => Math.max(most, Math.abs(value - ours[i]!)), 0);
  if (theirs.length !== ours.length || !(farthest < 1e-4))
    throw new Error(`${name}: the network is another one, its samples are ${farthest} away`);
}
