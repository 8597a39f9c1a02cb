/** Hands out names that are unique in a whole model: ONNX forbids a subgraph to reuse a name of the graphs around it. */
export class Names {
  readonly #taken = new Set<string>();
  /** Where to go on counting, so that many repeats of one name stay cheap. */
  readonly #next = new Map<string, number>();

  /** Takes exactly this name; false where it is gone. */
  reserve(name: string): boolean {
    if (this.#taken.has(name)) return false;
    this.#taken.add(name);
    return true;
  }

  /** `wanted`, or `wanted_1`, `wanted_2` ... where it is taken. */
  unique(wanted: string): string {
    let name = wanted;
    let count = this.#next.get(wanted) ?? 1;
    while (!this.reserve(name)) name = `${wanted}_${count++}`;
    this.#next.set(wanted, count);
    return name;
  }
}
