import { InputError } from '../artifacts/errors.ts';
import { systemCause } from '../artifacts/files.ts';
import { report } from './errors.ts';

let goesOn = false;
let told = false;

/** Keeps a command going whose purpose is not what it prints. */
export function goOnWithoutReader(): void {
  goesOn = true;
}

/** Ends a command whose output nobody takes: quietly where the reader has seen enough, as `head` does. */
export function watchOutput(): void {
  for (const stream of [process.stdout, process.stderr])
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE' && !told) {
        told = true;
        process.exitCode = report(
          new InputError(`output: cannot write: ${systemCause(error) ?? error.message}`, { cause: error }),
        );
      }
      if (!goesOn) process.exit();
    });
}
