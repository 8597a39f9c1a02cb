/** More is being waited for than the server takes on. */
export class Overloaded extends Error {
  override name = 'Overloaded';
}

/**
 * Bounds what the server has accepted and not answered yet, in samples: a bound on memory and on the time to wait,
 * whatever the requests ask for.
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

  /** @throws Overloaded */
  async admit<T>(samples: number, task: () => Promise<T>): Promise<T> {
    if (this.#samples + samples > this.#most)
      throw new Overloaded(
        `${this.#samples} samples are being waited for, and ${samples} more would exceed ${this.#most}; try again later`,
      );
    this.#samples += samples;
    this.#requests++;
    try {
      return await task();
    } finally {
      this.#samples -= samples;
      this.#requests--;
    }
  }
}
