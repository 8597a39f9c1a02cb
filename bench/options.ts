import { writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';

/** What every benchmark beside PyTorch is asked for. */
export interface BenchOptions {
  readonly threads: number;
  readonly rounds: number;
  /** Length of a round. */
  readonly seconds: number;
  /** Part of the names of the cases. */
  readonly case: string;
  /** File for the figures. */
  readonly json: string | undefined;
  readonly pytorch: boolean;
}

/** The options of a command line; undefined where it asked for `usage`, which has been printed. */
export function benchOptions(
  args: readonly string[],
  usage: string,
  seconds: string,
): BenchOptions | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: {
      threads: { type: 'string', default: '2' },
      rounds: { type: 'string', default: '7' },
      seconds: { type: 'string', default: seconds },
      case: { type: 'string', default: '' },
      json: { type: 'string' },
      'no-pytorch': { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    console.log(usage);
    return undefined;
  }
  return {
    threads: Number(values.threads),
    rounds: Number(values.rounds),
    seconds: Number(values.seconds),
    case: values.case,
    json: values.json,
    pytorch: !values['no-pytorch'],
  };
}

/** Writes the figures where the options ask for a file. */
export function writeFigures({ threads, rounds, seconds, json }: BenchOptions, figures: unknown): void {
  if (json === undefined) return;
  const machine = { cpu: cpus()[0]?.model, cpus: cpus().length, node: process.version };
  writeFileSync(json, `${JSON.stringify({ machine, threads, rounds, seconds, figures }, null, 2)}\n`);
}
