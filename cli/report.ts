import type { JsonValue } from '../artifacts/files.ts';

/** A name and what it is, on one line or several. */
export type Row = readonly [name: string, value: string | readonly string[]];

/** What is known of a file or folder: for people, and as data. */
export interface Report {
  /** In a few words. */
  readonly what: string;
  readonly rows: readonly Row[];
  readonly facts: Readonly<Record<string, unknown>>;
}

/** A JSON value for a line of its own. */
export const oneLine = (value: JsonValue): string =>
  typeof value === 'string' ? value : JSON.stringify(value);

/** A report for people: what it is, then the rows in two columns. */
export function describe(path: string, { what, rows }: Report): string {
  const width = Math.max(...rows.map(([name]) => name.length));
  const line = ([name, value]: Row) => {
    const lines = Array.isArray(value) ? value : [value];
    return lines.map((text, i) => `  ${(i ? '' : name).padEnd(width)}  ${text}`);
  };
  return [`${path}: ${what}`, ...rows.flatMap(line)].join('\n');
}
