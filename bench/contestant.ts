import { spawn } from 'node:child_process';
import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { createInterface } from 'node:readline';

/** What a process answers to `round`. */
export interface Round {
  readonly steps: number;
  /** Wall time of the whole round. */
  readonly milliseconds: number;
  /** Part of it spent inside the runtime; absent where the two cannot be told apart. */
  readonly runtimeMilliseconds?: number;
  /** Processor time of the process, all threads. */
  readonly cpuMilliseconds: number;
}

/** What a process answers to `end`. */
export interface Farewell {
  /** Largest resident set of its life. */
  readonly peakBytes: number;
}

/**
 * One side of a comparison in a process of its own, so that thread pools and allocators do not meet. It lives for the
 * whole comparison and idles between its rounds. One line in, one line of JSON out.
 */
export class Contestant {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #answers: AsyncIterator<string>;
  readonly #command: string;
  #errors = '';

  constructor(command: string, args: readonly string[]) {
    this.#command = [command, ...args].join(' ');
    this.#child = spawn(command, args);
    this.#child.stderr.on('data', (data: Buffer) => (this.#errors += data.toString()));
    this.#answers = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
  }

  /** What it says of itself when it is loaded and warm. */
  ready(): Promise<Record<string, unknown>> {
    return this.#answer();
  }

  round(): Promise<Round> {
    this.#child.stdin.write('round\n');
    return this.#answer();
  }

  end(): Promise<Farewell> {
    this.#child.stdin.end('end\n');
    return this.#answer();
  }

  kill(): void {
    this.#child.kill();
  }

  async #answer<T>(): Promise<T> {
    const next = await this.#answers.next();
    if (next.done) throw new Error(`${this.#command} ended before it answered:\n${this.#errors}`);
    return JSON.parse(next.value) as T;
  }
}
