/** Milliseconds in which a second signal is the first once more: timeout(1) signals its child and then the whole group. */
const echo = 1000;

/** SIGHUP comes where a terminal is closed or the connection to it drops; Windows ends the process seconds later. */
const names = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * Aborts at Ctrl-C, SIGTERM or a closed terminal. At another, later one the process ends at once.
 *
 * @param doing what the user is told
 */
export function stopSignal(doing = 'stopping after the current steps'): AbortSignal {
  const stop = new AbortController();
  let stoppedAt = 0;
  const onSignal = () => {
    if (!stop.signal.aborted) {
      stoppedAt = performance.now();
      process.stderr.write(`\nganx: ${doing} (again to quit at once)\n`);
      stop.abort();
    } else if (performance.now() - stoppedAt > echo) {
      // By the signal itself, which a shell reports as 130: process.exit() would end the worker's JavaScript, and
      // onnxruntime aborts the process when that happens during a run.
      for (const name of names) process.off(name, onSignal);
      // Except where nothing else would end it: the kernel keeps such signals from the first process of a container.
      if (process.pid === 1) process.exit(130);
      process.kill(process.pid, 'SIGINT');
    }
  };
  for (const name of names) process.on(name, onSignal);
  return stop.signal;
}
