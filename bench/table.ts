/** Rows under a head, in columns; those named in `texts` are aligned left, the others right. */
export function table(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  texts: readonly string[] = head.slice(0, 1),
): string {
  const all = [head, ...rows];
  const widths = head.map((_, column) => Math.max(...all.map((row) => row[column]!.length)));
  return all
    .map((row) =>
      row
        .map((cell, i) => (texts.includes(head[i]!) ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!)))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

export const percent = (share: number | undefined, digits: number) =>
  share === undefined ? '-' : `${(100 * share).toFixed(digits)} %`;

/** Four digits, and no more than three behind the point. */
export const precise = (value: number) => {
  const before = Math.max(1, Math.floor(Math.log10(Math.abs(value) || 1)) + 1);
  return value.toFixed(Math.max(0, Math.min(3, 4 - before)));
};
