import { execFile, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import { median } from './statistics.ts';
import { table } from './table.ts';
import { soak } from './serve-soak.ts';

const usage = `usage: npm run bench -- serve [options]
  --generator PATH  generator.onnx or a run (the default recipe after 5 steps)
  --clients N       connections (64)
  --n N             samples of a request (1)
  --seconds S       length of a round (5)
  --rounds N        rounds with batching and without, in turn (3)
  --threads N       threads of onnxruntime (1: the clients need a core too)
  --requests N      requests of the endurance test, of which 1 % are malformed (10000; 0 = none)`;

const here = dirname(fileURLToPath(import.meta.url));
const program = join(here, '../cli/main.js');
/** Found when it is needed: where other benchmarks run, it need not be installed. */
const autocannon = () => createRequire(import.meta.url).resolve('autocannon');

interface Round {
  readonly perSecond: number;
  readonly p50: number;
  readonly p99: number;
  readonly samplesPerRun: number;
  readonly failures: number;
}

const modes = {
  batched: [],
  'one by one': ['--max-batch', '1', '--batch-window', '0'],
} as const;

/** Requests on the loopback: many clients against one server, with batching and without. */
export async function serveBenchmark(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      generator: { type: 'string' },
      clients: { type: 'string', default: '64' },
      n: { type: 'string', default: '1' },
      seconds: { type: 'string', default: '5' },
      rounds: { type: 'string', default: '3' },
      threads: { type: 'string', default: '1' },
      requests: { type: 'string', default: '10000' },
      help: { type: 'boolean' },
    },
  });
  if (values.help) {
    console.log(usage);
    return;
  }
  const folder = await mkdtemp(join(tmpdir(), 'ganx-bench-'));
  try {
    const generator = values.generator ?? (await trainOne(join(folder, 'run')));
    const rounds: Record<keyof typeof modes, Round[]> = { batched: [], 'one by one': [] };
    for (let i = 0; i < Number(values.rounds); i++)
      for (const mode of ['batched', 'one by one'] as const) {
        const server = await start(generator, values.threads, modes[mode]);
        rounds[mode].push(await load(server, values.clients, values.seconds, Number(values.n)));
        await server.end();
      }
    report(rounds, `${values.clients} clients, ${values.n} samples a request, ${values.threads} threads`);
    if (Number(values.requests) > 0) {
      const server = await start(generator, values.threads, []);
      console.log(await soak(server.url, Number(values.requests)));
      await server.end();
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function trainOne(folder: string): Promise<string> {
  await promisify(execFile)(process.execPath, [program, 'train', '--steps', '5', '--out', folder]);
  return folder;
}

interface Running {
  readonly url: string;
  readonly end: () => Promise<void>;
}

async function start(generator: string, threads: string, flags: readonly string[]): Promise<Running> {
  const child = spawn(
    process.execPath,
    [program, 'serve', generator, '--port', '0', '--no-page', '--threads', threads, ...flags],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
  let complaints = '';
  child.stderr.on('data', (data: Buffer) => (complaints += data.toString()));
  const url = await firstLine(child);
  return {
    url,
    end: () =>
      new Promise((resolve, reject) => {
        child.once('close', (code) => {
          if (code === 0) resolve();
          else reject(new Error(`the server ended with ${code}: ${complaints}`));
        });
        child.kill('SIGTERM');
      }),
  };
}

const firstLine = (child: ChildProcess) =>
  new Promise<string>((resolve, reject) => {
    child.stdout!.once('data', (data: Buffer) => {
      resolve(data.toString().trim());
    });
    child.once('close', (code) => {
      reject(new Error(`the server ended with ${code}`));
    });
  });

/** What autocannon reports, as far as it is used. */
interface Cannonade {
  readonly requests: { readonly average: number };
  readonly latency: { readonly p50: number; readonly p99: number };
  readonly errors: number;
  readonly non2xx: number;
}

async function load({ url }: Running, clients: string, seconds: string, n: number): Promise<Round> {
  const shoot = async (duration: string) => {
    const flags = ['-c', clients, '-d', duration, '-m', 'POST', '-H', 'content-type=application/json'];
    const body = JSON.stringify({ n, seed: 1 });
    const { stdout } = await promisify(execFile)(process.execPath, [
      autocannon(),
      ...flags,
      '-b',
      body,
      '--json',
      `${url}/v1/generate`,
    ]);
    return JSON.parse(stdout) as Cannonade;
  };
  await shoot('1');
  const { requests, latency, errors, non2xx } = await shoot(seconds);
  const figures = await (await fetch(`${url}/metrics`)).text();
  const figure = (name: string) => Number(new RegExp(`^${name} (.+)$`, 'm').exec(figures)![1]);
  return {
    perSecond: requests.average,
    p50: latency.p50,
    p99: latency.p99,
    samplesPerRun: figure('ganx_batch_samples_sum') / figure('ganx_batch_samples_count'),
    failures: errors + non2xx,
  };
}

function report(rounds: Readonly<Record<keyof typeof modes, readonly Round[]>>, title: string): void {
  const of = (mode: keyof typeof modes, key: keyof Round) => median(rounds[mode].map((round) => round[key]));
  console.log(`${title}; medians of ${rounds.batched.length} rounds`);
  console.log(
    table(
      ['', 'requests/s', 'p50 ms', 'p99 ms', 'samples a run', 'failures'],
      (['batched', 'one by one'] as const).map((mode) => [
        mode,
        of(mode, 'perSecond').toFixed(0),
        of(mode, 'p50').toFixed(1),
        of(mode, 'p99').toFixed(1),
        of(mode, 'samplesPerRun').toFixed(1),
        String(rounds[mode].reduce((sum, { failures }) => sum + failures, 0)),
      ]),
    ),
  );
  const ratios = rounds.batched.map(({ perSecond }, i) => perSecond / rounds['one by one'][i]!.perSecond);
  console.log(`batched over one by one: ${median(ratios).toFixed(2)} x requests/s`);
}
