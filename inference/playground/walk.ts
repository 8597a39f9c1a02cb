import type { Samples } from '../browser.ts';
import { drawPicture, toPngBlob } from '../canvas.ts';
import { slerp } from '../latent.ts';
import { pictureOf } from '../picture.ts';
import { byId, download, latest } from './dom.ts';
import type { Engine } from './engine.ts';

/** What the walk goes between: a latent and, of a generator with classes, a class. */
export interface Endpoint {
  readonly z: Float32Array;
  readonly label?: number;
}

/** Frames of the saved way. */
const savedFrames = 8;

/** Two pictures and, between them, one on the great circle through their latents. Noise is the same all the way. */
export class Walk {
  readonly #slider = byId('slider', 'input');
  readonly #canvas = byId('between', 'canvas');
  readonly #buttons = { A: byId('end-a', 'button'), B: byId('end-b', 'button') };
  readonly #onProblem: (error: Error) => void;
  #engine: Engine | undefined;
  #ends: Partial<Record<'A' | 'B', Endpoint>> = {};
  #turn: 'A' | 'B' = 'A';

  constructor(onProblem: (error: Error) => void) {
    this.#onProblem = onProblem;
    this.#slider.addEventListener('input', () => {
      this.#drawBetween();
    });
    for (const end of ['A', 'B'] as const)
      this.#buttons[end].addEventListener('click', () => {
        this.#setTurn(end);
      });
    byId('save-walk', 'button').addEventListener('click', () => {
      void this.#save().catch(onProblem);
    });
  }

  /** Whose turn it is to be chosen. */
  get turn(): 'A' | 'B' {
    return this.#turn;
  }

  /** Another generator, whose latents are others, or the same one on another device. */
  use(engine: Engine, sameModel: boolean): void {
    this.#engine = engine;
    if (!sameModel) this.#ends = {};
    this.#redraw();
  }

  choose(end: 'A' | 'B', endpoint: Endpoint): void {
    this.#ends[end] = endpoint;
    this.#setTurn(end === 'A' ? 'B' : 'A');
    this.#redraw();
  }

  #setTurn(end: 'A' | 'B'): void {
    this.#turn = end;
    for (const name of ['A', 'B'] as const)
      this.#buttons[name].setAttribute('aria-pressed', String(name === end));
  }

  #redraw(): void {
    this.#drawEnds();
    this.#drawBetween();
  }

  readonly #drawEnds = latest(async () => {
    for (const [end, t] of [
      ['A', 0],
      ['B', 1],
    ] as const)
      await this.#draw(t, this.#buttons[end].querySelector('canvas')!);
  });

  readonly #drawBetween = latest(async () => {
    const t = this.#slider.valueAsNumber;
    this.#slider.setAttribute('aria-valuetext', `${Math.round(100 * t)} % of the way from A to B`);
    await this.#draw(t, this.#canvas);
  });

  async #draw(t: number, canvas: HTMLCanvasElement): Promise<void> {
    const engine = this.#engine;
    try {
      const samples = await this.#at(t);
      if (samples && engine === this.#engine) drawPicture(canvas, pictureOf(samples));
    } catch (error) {
      // Of one that has been replaced, nobody wants to know.
      if (engine === this.#engine) this.#onProblem(error as Error);
    }
  }

  /** A class does not blend: the nearer end has it. */
  async #at(t: number): Promise<Samples | undefined> {
    const { A, B } = this.#ends;
    if (!A || !B || !this.#engine) return undefined;
    const { label } = t < 0.5 ? A : B;
    return this.#engine.sample(1, { z: slerp(A.z, B.z, t), ...(label !== undefined && { label }) });
  }

  async #save(): Promise<void> {
    const frames: Samples[] = [];
    for (let i = 0; i < savedFrames; i++) {
      const frame = await this.#at(i / (savedFrames - 1));
      if (!frame) return;
      frames.push(frame);
    }
    const [, ...shape] = frames[0]!.shape;
    const data = Float32Array.from(frames.flatMap((frame) => [...frame.data]));
    const picture = pictureOf({ data, shape: [savedFrames, ...shape] }, { columns: savedFrames });
    download(await toPngBlob(picture), 'ganx-walk.png');
  }
}
