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
import { beside, pythonScript } from './beside.ts';
import type { Case } from './cases.ts';
import { Contestant } from './contestant.ts';
import { inferenceCases } from './inference-cases.ts';
import { benchOptions, writeFigures } from './options.ts';
import { median, table } from './report.ts';
import { quietTurns, stepTime } from './turns.ts';

const usage = `usage: npm run bench -- inference [options]
  --threads N      threads that each side may use (2)
  --rounds N       rounds of each side, in turn (7)
  --seconds S      length of a round (0.5)
  --case TEXT      only cases whose name contains TEXT
  --json FILE      write the figures to FILE
  --no-pytorch     time ganx alone`;

const batches = [1, 64] as const;

/** Milliseconds of a call, by side; its ratio is the time over that of ganx on cpu, median of the pairs. */
interface Figures {
  readonly case: string;
  readonly batch: number;
  readonly sides: Readonly<
    Record<string, { readonly medianMs: number; readonly minMs: number; readonly ratio: number }>
  >;
  readonly foreignCores: number;
}

export async function inferenceBenchmark(args: readonly string[]): Promise<void> {
  const options = benchOptions(args, usage, '0.5');
  if (!options) return;
  const figures: Figures[] = [];
  const folder = await mkdtemp(join(tmpdir(), 'ganx-bench-'));
  try {
    for (const each of inferenceCases.filter(({ name }) => name.includes(options.case)))
      for (const batch of batches) {
        console.error(`${each.name}, ${batch} ...`);
        figures.push(
          await compare(each, batch, folder, {
            rounds: options.rounds,
            shared: [batch, options.threads, options.seconds].map(String),
            pytorch: options.pytorch,
          }),
        );
      }
  } finally {
    await rm(folder, { recursive: true });
  }
  console.log(render(figures));
  writeFigures(options, figures);
}

interface Options {
  readonly rounds: number;
  /** Batch, threads and seconds, as the processes take them. */
  readonly shared: readonly string[];
  readonly pytorch: boolean;
}

async function compare(each: Case, batch: number, folder: string, options: Options): Promise<Figures> {
  const { model, weights, proof } = await writeModel(each, folder);
  const ganx = (runtime: string) =>
    new Contestant(process.execPath, [beside('inference-process.js'), runtime, model, ...options.shared]);
  const pytorch = (mode: string) =>
    new Contestant('python3', [
      pythonScript('pytorch_inference.py'),
      mode,
      JSON.stringify(each),
      weights,
      ...options.shared,
    ]);
  const contestants = new Map([
    ['cpu', ganx('cpu')],
    ['wasm', ganx('wasm')],
    ...(options.pytorch ? (['eager', 'compile'] as const).map((mode) => [mode, pytorch(mode)] as const) : []),
  ]);
  const all = [...contestants.values()];
  try {
    for (const contestant of all) {
      const { proof: theirs } = (await contestant.ready()) as { proof?: readonly number[] };
      if (theirs) checkSame(proof, theirs, each.name);
    }
    const turns = await quietTurns(all, options.rounds);
    for (const contestant of all) await contestant.end();
    const sides = [...contestants.keys()].map((name, i) => {
      const times = turns.map(({ results }) => stepTime(results[i]!));
      const ratios = turns.map(({ results }) => stepTime(results[i]!) / stepTime(results[0]!));
      return [name, { medianMs: median(times), minMs: Math.min(...times), ratio: median(ratios) }] as const;
    });
    return {
      case: each.name,
      batch,
      sides: Object.fromEntries(sides),
      foreignCores: Math.max(...turns.map((turn) => turn.foreignCores)),
    };
  } finally {
    for (const contestant of all) contestant.kill();
  }
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
    throw new Error(`${name}: PyTorch's network is another one, its samples are ${farthest} away`);
}

function render(figures: readonly Figures[]): string {
  const names = [...new Set(figures.flatMap(({ sides }) => Object.keys(sides)))];
  const head = ['case', 'samples', ...names.flatMap((name) => [`${name} ms (min)`, 'ratio']), 'other load'];
  const rows = figures.map(({ case: name, batch, sides, foreignCores }) => [
    name,
    String(batch),
    ...names.flatMap((side) => {
      const { medianMs, minMs, ratio } = sides[side]!;
      return [`${medianMs.toFixed(3)} (${minMs.toFixed(3)})`, ratio.toFixed(2)];
    }),
    `${foreignCores.toFixed(2)} cores`,
  ]);
  return table(head, rows);
}
