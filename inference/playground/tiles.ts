import { drawPicture } from '../canvas.ts';
import { pictureOf } from '../picture.ts';
import type { Samples } from '../browser.ts';
import { byId, create } from './dom.ts';

/** One sample of many, as samples of their own. */
export function sampleOf({ data, shape, z, labels }: Samples, index: number): Samples {
  const [count, ...rest] = shape;
  const size = data.length / count!;
  const zDim = z.length / count!;
  return {
    data: data.subarray(index * size, (index + 1) * size),
    shape: [1, ...rest],
    z: z.slice(index * zDim, (index + 1) * zDim),
    ...(labels && { labels: labels.slice(index, index + 1) }),
  };
}

/** Which end a press gives a sample to: the one whose turn it is, or the one that was typed. */
export type End = 'A' | 'B' | 'next';

/** The grid of samples: buttons of which one takes the focus, and arrows go from one to the next. */
export class Tiles {
  readonly #grid = byId('grid', 'div');
  readonly #onPick: (index: number, end: End) => void;
  #columns = 1;

  constructor(onPick: (index: number, end: End) => void) {
    this.#onPick = onPick;
    this.#grid.addEventListener('keydown', (event) => {
      this.#onKey(event);
    });
  }

  /** @param nameOf what a sample is, for those who cannot see it */
  show(samples: Samples, nameOf: (index: number) => string): void {
    const count = samples.shape[0]!;
    this.#columns = Math.ceil(Math.sqrt(count));
    this.#grid.style.setProperty('--columns', String(this.#columns));
    while (this.#grid.children.length > count) this.#grid.lastElementChild!.remove();
    while (this.#grid.children.length < count) this.#grid.append(this.#tile(this.#grid.children.length));
    this.#all.forEach((tile, i) => {
      drawPicture(tile.querySelector('canvas')!, pictureOf(sampleOf(samples, i)));
      tile.setAttribute('aria-label', nameOf(i));
    });
    if (!this.#all.some(({ tabIndex }) => tabIndex === 0)) this.#all[0]!.tabIndex = 0;
  }

  /** Marks what the ends of the walk are. */
  mark(a: number | undefined, b: number | undefined): void {
    this.#all.forEach((tile, i) => {
      const ends = [...(i === a ? ['A'] : []), ...(i === b ? ['B'] : [])].join(' ');
      if (ends) tile.dataset.end = ends;
      else delete tile.dataset.end;
    });
  }

  get #all(): HTMLButtonElement[] {
    return [...this.#grid.children] as HTMLButtonElement[];
  }

  #tile(index: number): HTMLButtonElement {
    const tile = create('button', { type: 'button', className: 'tile', tabIndex: -1 }, create('canvas'));
    tile.addEventListener('click', () => {
      this.#focus(index);
      this.#onPick(index, 'next');
    });
    return tile;
  }

  #onKey(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const tiles = this.#all;
    const at = tiles.indexOf(document.activeElement as HTMLButtonElement);
    const steps: Readonly<Record<string, number>> = {
      ArrowLeft: -1,
      ArrowRight: 1,
      ArrowUp: -this.#columns,
      ArrowDown: this.#columns,
      Home: -at,
      End: tiles.length - 1 - at,
    };
    const step = steps[event.key];
    const end = event.key.toUpperCase();
    if (step !== undefined) this.#focus(at + step);
    else if (end === 'A' || end === 'B') this.#onPick(at, end);
    else return;
    event.preventDefault();
  }

  #focus(index: number): void {
    const target = this.#all[index];
    if (!target) return;
    for (const tile of this.#all) tile.tabIndex = tile === target ? 0 : -1;
    target.focus();
  }
}
