/**
 * A graph that cannot be: a wrong shape, type or attribute. Refused where it is written.
 * The message has one form: op, offender with its value, rule, and the place in the network.
 */
export class GraphError extends Error {
  override name = 'GraphError';
  readonly op: string;
  /** Scope the node was being added to, such as `discriminator/block2`. */
  readonly place: string;

  constructor(op: string, problem: string, place = '') {
    super(`${op}: ${problem}${place ? ` (at ${place})` : ''}`);
    this.op = op;
    this.place = place;
  }
}

/** Thrown by checks, which do not know where they are; `inNameOf` adds op and place. */
export class Refusal extends Error {}

export function refuse(problem: string): never {
  throw new Refusal(problem);
}

/**
 * Runs what may refuse, in the name of `op` at `place`.
 *
 * @param said before what was refused, with a space
 */
export function inNameOf<T>(op: string, place: string, build: () => T, said = ''): T {
  try {
    return build();
  } catch (error) {
    if (error instanceof Refusal) throw new GraphError(op, `${said}${error.message}`, place);
    throw error;
  }
}
