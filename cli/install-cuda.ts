import { Command } from 'commander';
import { diagnoseCuda } from '../training/device/cuda/diagnose.ts';
import { installCuda } from '../training/device/cuda/install.ts';
import type { InstallProgress } from '../training/device/cuda/install.ts';
import { stopSignal } from './stop-signal.ts';

interface Flags {
  readonly from?: string;
  readonly indexUrl?: string;
}

export function installCudaCommand(): Command {
  return new Command('install-cuda')
    .description("put onnxruntime's CUDA provider, of the version that fits, beside onnxruntime-node")
    .option('--from <file|folder|url>', 'wheel, NuGet package, tar.gz or folder that holds it')
    .option('--index-url <url>', "package index, as pip's (default: PIP_INDEX_URL, else PyPI)")
    .action(async (flags: Flags) => {
      const signal = stopSignal('stopping, with nothing installed');
      const onProgress = process.stdout.isTTY ? bar : lines();
      const installed = await installCuda({ ...flags, signal, onProgress }).catch((error: unknown) => {
        if (!signal.aborted) throw error;
      });
      if (!installed) {
        process.exitCode = 130;
        return;
      }
      const { folder, version, cuda, source } = installed;
      const what = `the CUDA provider ${version}${cuda === undefined ? '' : `, made for CUDA ${cuda}`}`;
      process.stdout.write(
        source === undefined ? `${what}, is in ${folder} already\n` : `installed ${what}, in ${folder}\n`,
      );
      const diagnosis = await diagnoseCuda(0, signal);
      if (diagnosis.works) process.stdout.write('--device cuda works here\n');
      else
        for (const { what: problem, mend } of diagnosis.problems)
          process.stdout.write(`still to do: ${problem}\n${mend.map((step) => `  ${step}\n`).join('')}`);
    });
}

function bar({ doing, name, done, total }: InstallProgress): void {
  const share = total ? ` ${Math.floor((100 * done) / total)} %` : '';
  process.stdout.write(`\r\x1b[K${doing} ${name}: ${Math.round(done / 1e6)} MB${share}`);
  if (done === total) process.stdout.write('\n');
}

/** Where nothing can be redrawn: a line when something begins and one a hundred megabytes. */
function lines(): (progress: InstallProgress) => void {
  let last = '';
  return ({ doing, name, done, total }) => {
    const line = `${doing} ${name}, from ${Math.floor(done / 1e8)}00 MB${total ? ` of ${Math.round(total / 1e6)}` : ''}`;
    if (line !== last) process.stdout.write(`${line}\n`);
    last = line;
  };
}
