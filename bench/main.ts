import { importBenchmark } from './import.ts';
import { inferenceBenchmark } from './inference.ts';
import { quickstartBenchmark } from './quickstart.ts';
import { scalingBenchmark } from './scaling.ts';
import { serveBenchmark } from './serve.ts';
import { stepBenchmark } from './step.ts';
import { suite } from './suite.ts';

/** A benchmark: what follows its name on the command line goes to `run`. */
interface Benchmark {
  readonly summary: string;
  readonly run: (args: readonly string[]) => Promise<void>;
}

const benchmarks: Readonly<Record<string, Benchmark>> = {
  import: {
    summary: "PyTorch's exports, imported and differentiated, against autograd",
    run: importBenchmark,
  },
  inference: {
    summary: 'time of a sample and of 64 against PyTorch eager and compiled, and of wasm',
    run: inferenceBenchmark,
  },
  quickstart: {
    summary: 'seconds that the default recipe takes to 256,000 images, against another version',
    run: quickstartBenchmark,
  },
  scaling: { summary: 'time of a step by its batch, and over 10,000 steps', run: scalingBenchmark },
  serve: { summary: 'requests a second of ganx serve, with batching and without', run: serveBenchmark },
  step: { summary: 'time and memory of a training step against PyTorch', run: stepBenchmark },
};

const list = [
  'usage: npm run bench -- BENCHMARK [options]',
  ...Object.entries(benchmarks).map(([key, { summary }]) => `  ${key.padEnd(11)}${summary}`),
  'Without a name: step and inference, in one table and one file.',
].join('\n');

const [name = '', ...args] = process.argv.slice(2);
const benchmark = benchmarks[name];
try {
  if (benchmark) await benchmark.run(args);
  else if (name === '' || name.startsWith('--')) await suite(process.argv.slice(2), list);
  else {
    console.error(`benchmark "${name}" is unknown\n${list}`);
    process.exitCode = 2;
  }
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
