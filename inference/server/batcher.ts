import { endOfSlice, joinRows, sliceRows } from '../rows.ts';
import type { RowRunner, Rows } from '../rows.ts';

export interface BatcherOptions {
  /** Milliseconds that a run waits for further requests; 0 = none. While a run is under way, requests gather anyhow. */
  readonly window: number;
  /** Most rows of a run. */
  readonly maxBatch: number;
  /** Told of each run. */
  readonly onRun?: (run: {
    readonly rows: number;
    readonly requests: number;
    readonly seconds: number;
  }) => void;
}

interface Job {
  readonly rows: Rows;
  readonly since: number;
  /** [count, ...shape], filled run by run; made with the first, so that a waiting request costs little. */
  result?: Float32Array;
  /** Rows that a run has been given. */
  taken: number;
  readonly resolve: (data: Float32Array) => void;
  readonly reject: (reason: unknown) => void;
}

interface Part {
  readonly job: Job;
  readonly start: number;
  readonly end: number;
}

/** Gathers the rows of concurrent requests into runs, first come, first served. */
export class Batcher {
  readonly #runner: RowRunner;
  readonly #options: BatcherOptions;
  readonly #sampleSize: number;
  readonly #jobs: Job[] = [];
  #running = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(runner: RowRunner, options: BatcherOptions) {
    this.#runner = runner;
    this.#options = options;
    this.#sampleSize = runner.metadata.shape.reduce((a, b) => a * b, 1);
  }

  /**
   * Runs the rows: [count, ...shape].
   *
   * @param signal whose abortion gives up rows that no run has taken yet
   */
  run(rows: Rows, signal?: AbortSignal): Promise<Float32Array> {
    return new Promise((resolve, reject) => {
      const job: Job = { rows, since: performance.now(), taken: 0, resolve, reject };
      this.#jobs.push(job);
      signal?.addEventListener('abort', () => {
        this.#give(job, signal.reason);
      });
      this.#next();
    });
  }

  /** Starts a run if there is none and it need not wait. */
  #next(): void {
    const [oldest] = this.#jobs;
    if (this.#running || !oldest) return;
    const { window, maxBatch } = this.#options;
    const waiting = this.#jobs.reduce((sum, { rows, taken }) => sum + rows.count - taken, 0);
    const left = oldest.since + window - performance.now();
    clearTimeout(this.#timer);
    if (left > 0 && waiting < maxBatch && this.#runner.mixes)
      this.#timer = setTimeout(() => {
        this.#next();
      }, left);
    else void this.#runBatch(this.#take());
  }

  /** The parts of the next run. */
  #take(): Part[] {
    const parts: Part[] = [];
    let room = this.#options.maxBatch;
    while (room > 0 && this.#jobs.length) {
      const job = this.#jobs[0]!;
      const { count } = job.rows;
      const start = job.taken;
      // Where slices cannot be mixed a run is one of them, whole.
      const end = this.#runner.mixes ? Math.min(start + room, count) : endOfSlice(job.rows, start);
      parts.push({ job, start, end });
      job.taken = end;
      if (end === count) this.#jobs.shift();
      room = this.#runner.mixes ? room - (end - start) : 0;
    }
    return parts;
  }

  async #runBatch(parts: Part[]): Promise<void> {
    this.#running = true;
    try {
      await this.#runParts(parts);
    } catch (error) {
      // One request's rows must not fail the others': each is tried alone.
      for (const part of parts)
        await (parts.length > 1 ? this.#runParts([part]) : Promise.reject(error as Error)).catch(
          (reason: unknown) => {
            this.#give(part.job, reason);
          },
        );
    }
    this.#running = false;
    this.#next();
  }

  async #runParts(parts: readonly Part[]): Promise<void> {
    const rows = joinRows(parts.map(({ job, start, end }) => sliceRows(job.rows, start, end)));
    const { count } = rows;
    const start = performance.now();
    const data = await this.#runner.run(rows);
    const seconds = (performance.now() - start) / 1000;
    this.#options.onRun?.({ rows: count, requests: parts.length, seconds });
    let at = 0;
    for (const { job, start, end } of parts) {
      const size = (end - start) * this.#sampleSize;
      job.result ??= new Float32Array(job.rows.count * this.#sampleSize);
      job.result.set(data.subarray(at, at + size), start * this.#sampleSize);
      at += size;
      if (end === job.rows.count) job.resolve(job.result);
    }
  }

  /** Fails a job and forgets the rows that are not taken yet. */
  #give(job: Job, reason: unknown): void {
    const at = this.#jobs.indexOf(job);
    if (at >= 0) this.#jobs.splice(at, 1);
    job.reject(reason);
  }
}
