import { importBenchmark } from './import.ts';
import { inferenceBenchmark } from './inference.ts';
import { serveBenchmark } from './serve.ts';
import { stepBenchmark } from './step.ts';

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
  serve: { summary: 'requests a second of ganx serve, with batching and without', run: serveBenchmark },
  step: { summary: 'time and memory of a training step against PyTorch', run: stepBenchmark },
};

const [name = '', ...args] = process.argv.slice(2);
const benchmark = benchmarks[name];
if (benchmark) await benchmark.run(args);
else {
  const list = Object.entries(benchmarks).map(([key, { summary }]) => `  ${key.padEnd(11)}${summary}`);
  console.error(['usage: npm run bench -- BENCHMARK [options]', ...list].join('\n'));
  process.exitCode = 2;
}
