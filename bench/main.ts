import { importBenchmark } from './import.ts';
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
  step: { summary: 'time and memory of a training step against PyTorch', run: stepBenchmark },
};

const [name = '', ...args] = process.argv.slice(2);
const benchmark = benchmarks[name];
if (benchmark) await benchmark.run(args);
else {
  const list = Object.entries(benchmarks).map(([key, { summary }]) => `  ${key.padEnd(8)}${summary}`);
  console.error(['usage: npm run bench -- BENCHMARK [options]', ...list].join('\n'));
  process.exitCode = 2;
}
