import { spawn } from 'node:child_process';
import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { createInterface } from 'node:readline';

/** A child process that answers with one line of JSON after the other. */
export class JsonProcess {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #answers: AsyncIterator<string, undefined>;
  readonly #command: string;
  #errors = '';

  constructor(command: string, args: readonly string[]) {
    this.#command = [command, ...args].join(' ');
    this.#child = spawn(command, args);
    this.#child.stderr.on('data', (data: Buffer) => (this.#errors += data.toString()));
    // What is wrong with it is told by the answer that does not come.
    this.#child.on('error', (error) => (this.#errors += error.message));
    this.#child.stdin.on('error', () => undefined);
    this.#answers = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
  }

  /** The next answer; undefined where the process has ended. */
  async next<T>(): Promise<T | undefined> {
    const { done, value } = await this.#answers.next();
    return done ? undefined : (JSON.parse(value) as T);
  }

  /** @throws Error with all that the process has complained of, where it has ended. */
  async answer<T>(): Promise<T> {
    const answer = await this.next<T>();
    if (answer === undefined) throw new Error(`${this.#command} ended before it answered:\n${this.#errors}`);
    return answer;
  }

  tell(line: string): void {
    this.#child.stdin.write(`${line}\n`);
  }

  kill(): void {
    this.#child.kill();
  }
}
