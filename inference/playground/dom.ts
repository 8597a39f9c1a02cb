/** An element of the page, which is known to be there. */
export function byId<K extends keyof HTMLElementTagNameMap>(id: string, tag: K): HTMLElementTagNameMap[K] {
  const found = document.getElementById(id);
  if (found?.localName !== tag) throw new Error(`the page has no <${tag} id="${id}">`);
  return found as HTMLElementTagNameMap[K];
}

export function create<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  properties: Partial<HTMLElementTagNameMap[K]> = {},
  ...children: readonly (Node | string)[]
): HTMLElementTagNameMap[K] {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

/** Offers a file to be saved. */
export function download(blob: Blob, filename: string): void {
  const href = URL.createObjectURL(blob);
  create('a', { href, download: filename }).click();
  // Not before the browser has taken it.
  setTimeout(() => {
    URL.revokeObjectURL(href);
  }, 10_000);
}

/** Runs the newest call only: those that come while one is under way replace one another. */
export function latest<T extends readonly unknown[]>(
  task: (...args: T) => Promise<void>,
): (...args: T) => void {
  let running = false;
  let next: T | undefined;
  return (...args) => {
    next = args;
    if (running) return;
    running = true;
    void (async () => {
      while (next) {
        const now = next;
        next = undefined;
        await task(...now);
      }
      running = false;
    })();
  };
}
