import { JsonProcess } from './json-process.ts';

/** What a process answers to `round`. */
export interface Round {
  readonly steps: number;
  /** Wall time of the whole round. */
  readonly milliseconds: number;
  /** Part of it spent inside the runtime; absent where the two cannot be told apart. */
  readonly runtimeMilliseconds?: number;
  /** Processor time of the process, all threads. */
  readonly cpuMilliseconds: number;
  /** Resident set after it, where the process tells. */
  readonly residentBytes?: number;
}

/** What a process answers to `end`. */
export interface Farewell {
  /** Largest resident set of its life. */
  readonly peakBytes: number;
  /** On a GPU; null where its driver does not tell. */
  readonly deviceBytes?: number | null;
}

/** What a contestant says of itself when it is loaded and warm. */
export interface Word {
  /** Why it cannot take part. */
  readonly unable?: string;
  readonly [more: string]: unknown;
}

/**
 * One side of a comparison in a process of its own, so that thread pools and allocators do not meet. It lives for the
 * whole comparison and idles between its rounds. One line in, one line of JSON out.
 */
export class Contestant {
  readonly #process: JsonProcess;

  constructor(command: string, args: readonly string[]) {
    this.#process = new JsonProcess(command, args);
  }

  ready(): Promise<Word> {
    return this.#process.answer();
  }

  round(): Promise<Round> {
    this.#process.tell('round');
    return this.#process.answer();
  }

  end(): Promise<Farewell> {
    this.#process.tell('end');
    return this.#process.answer();
  }

  kill(): void {
    this.#process.kill();
  }
}
