import { spawn } from 'node:child_process';
import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { createInterface } from 'node:readline';

/** A program that answers each line of JSON with another; one process for all, as starting it takes longer than answering. */
export class LineProcess {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #answers: AsyncIterator<string, undefined>;
  #errors = '';

  constructor(command: string, args: readonly string[], env: NodeJS.ProcessEnv = process.env) {
    this.#child = spawn(command, args, { env });
    this.#child.stderr.setEncoding('utf8').on('data', (text: string) => (this.#errors += text));
    // It may have ended before it is asked; that it does not answer tells so.
    this.#child.stdin.on('error', () => undefined);
    this.#answers = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
  }

  /** The answer to one question; the next is asked when it has come. */
  async ask(question: object): Promise<unknown> {
    this.#child.stdin.write(`${JSON.stringify(question)}\n`);
    const answer = await this.#answers.next();
    if (answer.done) throw new Error(`the process ended without an answer: ${this.#errors}`);
    return JSON.parse(answer.value) as unknown;
  }

  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#child.once('close', () => {
        resolve();
      });
      this.#child.stdin.end();
      if (this.#child.exitCode !== null) resolve();
    });
  }
}
