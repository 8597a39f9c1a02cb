import { CommanderError } from 'commander';
import { InputError } from '../artifacts/errors.ts';

/**
 * Tells the user what went wrong: one line for what the user can mend, the stack for a fault of ours.
 *
 * @returns the exit code: 2 for bad input or usage, 1 for anything unexpected
 */
export function report(thrown: unknown): 1 | 2 {
  const error = isOfLostFolder(thrown) ? lostFolder(thrown) : thrown;
  const known = error instanceof InputError || error instanceof CommanderError;
  // Where the command is missing or unknown, commander has printed the help instead; its message is none.
  if (error instanceof CommanderError && error.code === 'commander.help') return 2;
  const text = known ? oneLine(error.message) : unexpected(error);
  process.stderr.write(`ganx: ${text}\n`);
  return known ? 2 : 1;
}

/** Node's own, of any function that needs the working folder. */
const isOfLostFolder = (error: unknown): error is NodeJS.ErrnoException =>
  error instanceof Error && 'syscall' in error && error.syscall === 'uv_cwd';

const lostFolder = (cause: Error) =>
  new InputError('the folder in which this was started is no longer there; change to another one', { cause });

/** Commander begins with "error: " and puts its suggestion on a line of its own. */
const oneLine = (message: string) => message.replace(/^error: /, '').replaceAll(/\s*\n\s*/g, ' ');

function unexpected(error: unknown): string {
  if (!(error instanceof Error)) return `unexpected error: ${String(error)}`;
  return `unexpected error: ${error.stack ?? error.message}`;
}
