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
