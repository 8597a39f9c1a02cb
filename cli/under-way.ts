/** Seconds between two lines where nothing can be redrawn. */
export const plainEvery = 10;

/**
 * Tells on stderr what a command is at, which leaves stdout to its result: a line that redraws itself on a terminal,
 * elsewhere one now and then, and each that is said to last. An empty text removes it.
 */
export function underWay(): (text: string, lasts?: boolean) => void {
  let [shown, last] = ['', performance.now()];
  return (text, lasts = false) => {
    if (process.stderr.isTTY) {
      if (text !== shown) process.stderr.write(`\r\x1b[K${text}`);
      shown = text;
    } else if (text && (lasts || performance.now() - last > 1000 * plainEvery)) {
      last = performance.now();
      process.stderr.write(`${text}\n`);
    }
  };
}
