import type { GeneratorMetadata, SampleOptions } from '../browser.ts';
import { byId, create } from './dom.ts';

/** What the controls ask for. */
export interface Wish {
  readonly n: number;
  readonly options: SampleOptions & { readonly seed: number };
}

export type DeviceName = 'wasm' | 'webgpu';

/** The end of the slider: no truncation. */
const untruncated = 4;

/** The form beside the samples. */
export class Controls {
  readonly #form = byId('controls', 'form');
  readonly #seed = byId('seed', 'input');
  readonly #count = byId('count', 'select');
  readonly #class = byId('class', 'select');
  readonly #truncation = byId('truncation', 'input');

  /** @param on what is done when something else is asked for */
  constructor(on: { readonly wish: () => void; readonly device: (device: DeviceName) => void }) {
    const roll = () => {
      this.#seed.value = String(Math.floor(Math.random() * 1e6));
      on.wish();
    };
    this.#form.addEventListener('submit', (event) => {
      event.preventDefault();
      on.wish();
    });
    this.#form.addEventListener('input', ({ target }) => {
      if (target instanceof HTMLInputElement && target.name === 'device') {
        on.device(target.value as DeviceName);
        return;
      }
      this.#tellTruncation();
      if (this.#form.checkValidity()) on.wish();
    });
    byId('roll', 'button').addEventListener('click', roll);
    document.addEventListener('keydown', (event) => {
      const typing = event.target instanceof HTMLInputElement || event.target instanceof HTMLSelectElement;
      if (event.key.toLowerCase() !== 'r' || typing || event.ctrlKey || event.metaKey || event.altKey) return;
      roll();
    });
    if (!('gpu' in navigator)) {
      const radio = this.#radio('webgpu');
      radio.disabled = true;
      radio.parentElement!.title = 'This browser or page has no WebGPU';
    }
  }

  /** Offers what a generator has. */
  fit({ kind, shape, conditional, classes, latent }: GeneratorMetadata): void {
    const large = kind === 'images' && shape[1]! > 64;
    const narrow = matchMedia('(max-width: 640px)').matches;
    const counts = kind === 'points' ? [500, 2000, 8000] : [16, 36, 64, 100];
    const standard = kind === 'points' ? 2000 : large ? 16 : narrow ? 36 : 64;
    this.#count.replaceChildren(
      ...counts.map((count) =>
        create('option', { value: String(count), selected: count === standard }, `${count}`),
      ),
    );
    byId('class-field', 'div').hidden = !conditional || classes.length === 0;
    this.#class.replaceChildren(
      create('option', { value: '' }, 'All in turn'),
      ...classes.map((name, i) => create('option', { value: String(i) }, name)),
    );
    byId('truncation-field', 'div').hidden = latent !== 'normal';
    this.#truncation.value = String(untruncated);
    this.#tellTruncation();
  }

  showDevice(device: string): void {
    this.#radio(device).checked = true;
  }

  get wish(): Wish {
    const truncation = this.#truncation.valueAsNumber;
    return {
      n: Number(this.#count.value),
      options: {
        seed: this.#seed.valueAsNumber,
        ...(this.#class.value !== '' && { label: Number(this.#class.value) }),
        ...(truncation < untruncated && { truncation }),
      },
    };
  }

  #radio(device: string): HTMLInputElement {
    return this.#form.querySelector<HTMLInputElement>(`[name=device][value=${device}]`)!;
  }

  #tellTruncation(): void {
    const { valueAsNumber } = this.#truncation;
    const text = valueAsNumber < untruncated ? `${valueAsNumber.toFixed(1)} σ` : 'none';
    byId('truncation-value', 'output').value = text;
    this.#truncation.setAttribute('aria-valuetext', text);
  }
}
