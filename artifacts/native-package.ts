import { InputError } from './errors.ts';

/** A package with binaries, made for each system, that does not load here. */
export class PackageError extends InputError {
  /** Without the name of the package. */
  readonly problem: string;
  /** The command that mends it; undefined where installing it anew would not. */
  readonly install: string | undefined;

  constructor(name: string, install: string, cause: unknown) {
    const { problem, isMissing } = diagnose(cause);
    super(`${name} ${problem}${isMissing ? `; install it with "${install}"` : ''}`, { cause });
    this.problem = problem;
    this.install = isMissing ? install : undefined;
  }
}

/** Why it does not load: a limit on memory, an older libc, musl and more are mended in other ways than by npm. */
function diagnose(cause: unknown): { problem: string; isMissing: boolean } {
  const { code, message } = cause as NodeJS.ErrnoException;
  if (code === 'ERR_MODULE_NOT_FOUND') return { problem: 'is not installed', isMissing: true };
  const [first = '', second = ''] = message.split('\n');
  const system = /^Could not load the "sharp" module using the (\S+) runtime/.exec(first)?.[1];
  if (system === undefined)
    return { problem: `does not load: ${first}`, isMissing: isIncomplete.test(first) };
  // sharp gives the loader's words a line of their own, and then advice for all cases.
  if (second === 'Possible solutions:') return { problem: `has no binaries for ${system}`, isMissing: true };
  const words = second.replace(/^ERR_[A-Z_]+: /, '');
  return { problem: `does not load: ${words}`, isMissing: isIncomplete.test(words) };
}

/** What the loader says where a file of the package itself is not there, or is cut. */
const isIncomplete =
  /^Cannot find module|\b(?:lib)?(?:onnxruntime|vips|sharp)[^/ ]*: (?:cannot open shared object file: No such|file too short|invalid ELF header)/;
