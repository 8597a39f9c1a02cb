import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));

/** A script of the benchmarks in its built form. */
export const beside = (name: string): string => join(here, name);

/** Python sources are not copied into `dist`; the package's root is searched for upwards. */
export function pythonScript(name: string): string {
  for (let root = here; ; root = dirname(root)) {
    const path = join(root, 'bench', name);
    if (existsSync(path)) return path;
    if (root === dirname(root)) throw new Error(`no bench/${name} above ${here}`);
  }
}

/** Options of a process by their names; `true` is one without a value, `false` is left out. */
export type Flags = Readonly<Record<string, string | number | boolean>>;

export const flags = (options: Flags): string[] =>
  Object.entries(options).flatMap(([name, value]) =>
    typeof value === 'boolean' ? (value ? [`--${name}`] : []) : [`--${name}`, String(value)],
  );
