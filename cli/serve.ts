import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Option } from 'commander';
import type { Command } from 'commander';
import { InputError } from '../artifacts/errors.ts';
import type { Device } from '../inference/node.ts';
import { defaultLimits } from '../inference/server/limits.ts';
import { generatorCommand } from './generator-options.ts';
import { integer, notNegative } from './numbers.ts';
import { openInBrowser } from './open-in-browser.ts';
import { goOnWithoutReader } from './output.ts';
import { stopSignal } from './stop-signal.ts';

interface Flags {
  readonly host: string;
  readonly port: number;
  readonly batchWindow: number;
  readonly maxBatch: number;
  readonly maxSamples: number;
  readonly maxQueue: number;
  readonly device: Device;
  readonly threads?: number;
  readonly page: boolean;
  readonly static?: string;
  readonly log?: true;
  readonly open?: true;
}

export function serveCommand(): Command {
  const samples = (flag: string) => integer(flag, 1, 1024);
  return generatorCommand('serve', 'serve a generator over HTTP')
    .option('--host <name>', 'address to listen on; 0.0.0.0 for all', '127.0.0.1')
    .option('--port <n>', 'port; 0 for any that is free', integer('--port', 0, 65_535), 8080)
    .option(
      '--batch-window <ms>',
      'how long a run waits for further requests; 0 = not at all',
      notNegative('--batch-window', 1000),
      2,
    )
    .option('--max-batch <n>', 'most samples of a run', samples('--max-batch'), 64)
    .option(
      '--max-samples <n>',
      'most samples of a request',
      samples('--max-samples'),
      defaultLimits.maxSamples,
    )
    .option(
      '--max-queue <n>',
      'most samples of all requests that are waited for; beyond it the answer is 503',
      integer('--max-queue', 1),
      defaultLimits.maxQueue,
    )
    .addOption(new Option('--device <name>', 'cpu, cuda, cuda:<index> or webgpu').default('cpu'))
    .option('--threads <n>', 'threads of onnxruntime (default: all cores)', integer('--threads', 1, 1024))
    .option('--no-page', 'without the playground at /, which also gives the model away')
    .option('--static <dir>', 'write the playground with the generator, for any host of files, and end')
    .option('--log', 'print a line of JSON for each request')
    .option('--open', 'open the page in the browser')
    .action(run);
}

/** Built beside the commands. */
const playground = fileURLToPath(new URL('../playground', import.meta.url));

async function run(path: string, flags: Flags): Promise<void> {
  if (flags.static === undefined) return serve(path, flags);
  const { writePage } = await import('../inference/server/static-page.ts');
  await writePage(playground, path, flags.static);
  process.stdout.write(`${join(flags.static, 'index.html')}\n`);
}

async function serve(path: string, { device, threads, open, page, ...flags }: Flags): Promise<void> {
  check(flags);
  goOnWithoutReader();
  // Loaded by who serves, not by every `ganx --help`: it takes longer than all other commands together.
  const { startServer } = await import('../inference/server/server.ts');
  const server = await startServer(path, {
    ...flags,
    ...(page && { playground }),
    settings: { device, ...(threads !== undefined && { threads }) },
    onUnexpected: ({ message }) => {
      process.stderr.write(`ganx: ${message}\n`);
    },
  });
  const stopped = new Promise<void>((resolve) => {
    stopSignal('answering what was accepted').addEventListener('abort', () => {
      resolve();
    });
  });
  process.stdout.write(`${server.url}\n`);
  if (open) openInBrowser(server.url);
  try {
    await Promise.race([stopped, server.failure]);
  } finally {
    await server.close();
  }
}

function check({ host, maxSamples, maxQueue }: Pick<Flags, 'host' | 'maxSamples' | 'maxQueue'>): void {
  // Node would listen on all addresses.
  if (host === '') throw new InputError('--host: "" must be a name or an address of this machine');
  if (maxQueue < maxSamples)
    throw new InputError(
      `--max-queue: ${maxQueue} must be at least --max-samples, which is ${maxSamples}: a request of that many would never be taken`,
    );
}
