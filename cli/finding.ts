/** What one check found. */
export interface Finding {
  readonly name: string;
  /** `missing` is something that ganx can do without. */
  readonly status: 'ok' | 'missing' | 'failed';
  readonly detail: string;
  /** What to do about it, a step each. */
  readonly advice?: readonly string[];
}
