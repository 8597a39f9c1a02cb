/** More is being waited for than the server takes on. */
export class Overloaded extends Error {
  override name = 'Overloaded';
}

/**
 * Bounds what the server has accepted and not answered to the end, in samples: a bound on memory and on the time to
 * wait, whatever the requests ask for and however slowly their clients read.
 */
export class Admission {
  readonly #most: number;
  #samples = 0;
  #requests = 0;

  constructor(most: number) {
    this.#most = most;
  }

  get samples(): number {
    return this.#samples;
  }

  get requests(): number {
    return this.#requests;
  }

  /**
   * Runs what makes an answer.
   *
   * @param over aborted when the answer is sent or nobody waits for it: until then it takes room
   * @throws Overloaded
   */
  async admit<T>(samples: number, over: AbortSignal, task: () => Promise<T>): Promise<T> {
    if (this.#samples + samples > this.#most)
      throw new Overloaded(
        `${this.#samples} samples are being waited for, and ${samples} more would exceed ${this.#most}; try again later`,
      );
    this.#samples += samples;
    this.#requests++;
    const release = () => {
      this.#samples -= samples;
      this.#requests--;
    };
    try {
      return await task();
    } finally {
      if (over.aborted) release();
      else over.addEventListener('abort', release);
    }
  }
}
