import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { telemetryNames } from '../../../graph-builder/program.ts';
import type { Telemetry } from '../../../graph-builder/program.ts';
import { uniformStream } from '../../../training/data/integer-hash.ts';

/** The recorded telemetry of a healthy run, one row a step. */
export function recorded(
  run: 'digits' | 'digits-without-swaps' | 'vaegan' | 'ring8' | 'grid25',
): Telemetry[] {
  const file = join(import.meta.dirname, 'telemetry', `${run}.csv.gz`);
  const [header, ...lines] = gunzipSync(readFileSync(file)).toString().trim().split('\n');
  if (header !== telemetryNames.join(',')) throw new Error(`${file}: columns are ${header!}`);
  return lines.map((line) => {
    const values = line.split(',').map(Number);
    return Object.fromEntries(telemetryNames.map((name, i) => [name, values[i]!])) as Telemetry;
  });
}

const calm: Telemetry = { dLoss: 1, gLoss: 1, dReal: 0.7, dFake: 0.3, dGradNorm: 5, gGradNorm: 5 };

/** `steps` rows around a calm run, with a little noise; `shape` changes each by its share of the way, 0 to 1. */
export function made(steps: number, shape: (progress: number, i: number) => Partial<Telemetry>): Telemetry[] {
  const uniform = uniformStream(1, 2);
  return Array.from({ length: steps }, (_, i) => {
    const row = { ...calm, ...shape(i / steps, i) };
    return {
      ...row,
      dLoss: row.dLoss + 0.02 * (uniform() - 0.5),
      gLoss: row.gLoss + 0.02 * (uniform() - 0.5),
    };
  });
}
