import type { GeneratorMetadata, Progress } from '../browser.ts';
import { drawPicture, toPngBlob } from '../canvas.ts';
import { pictureOf } from '../picture.ts';
import { Controls } from './controls.ts';
import { byId, create, download, latest } from './dom.ts';
import { Engine } from './engine.ts';
import type { Drawn, Loaded, Source } from './messages.ts';
import { servedModel, watchOpening } from './opening.ts';
import { sampleOf, Tiles } from './tiles.ts';
import type { End } from './tiles.ts';
import { Walk } from './walk.ts';

interface Open {
  readonly source: Source;
  readonly engine: Engine;
}

let current: Open | undefined;
/** What is shown. The form may ask for something else by now, or for nothing that can be drawn. */
let shown: { readonly samples: Drawn; readonly seed: number } | undefined;
/** Tiles that are the ends of the walk, as long as they are shown. */
let marks: { A?: number; B?: number } = {};

const controls = new Controls({
  wish: () => {
    draw();
  },
  device: (device) => {
    open(current!.source, device);
  },
});
const tiles = new Tiles(pick);
const walk = new Walk(showProblem);

const draw = latest(async () => {
  if (!current) return;
  showProblem();
  const { n, options } = controls.wish;
  const { engine } = current;
  const { metadata, backend } = engine.model;
  const target = byId(
    metadata.kind === 'images' ? 'grid' : 'plot',
    metadata.kind === 'images' ? 'div' : 'canvas',
  );
  target.classList.add('busy');
  try {
    const samples = await engine.sample(n, options);
    if (engine !== current.engine) return;
    shown = { samples, seed: options.seed };
    show(metadata, samples, options.seed);
    byId('timing', 'p').textContent = timing(n, samples.milliseconds, backend);
  } catch (error) {
    // Of an engine that has been replaced, nobody wants to know.
    if (engine === current.engine) showProblem(error as Error);
  } finally {
    target.classList.remove('busy');
  }
});

function show(metadata: GeneratorMetadata, samples: Drawn, seed: number): void {
  if (metadata.kind === 'points') {
    drawPicture(byId('plot', 'canvas'), pictureOf(samples));
    return;
  }
  const { labels } = samples;
  tiles.show(samples, (i) => {
    const label = labels && metadata.classes[labels[i]!];
    return `Sample ${i + 1} of seed ${seed}${label === undefined ? '' : `, class ${label}`}`;
  });
  marks = {};
  tiles.mark(undefined, undefined);
}

function pick(index: number, end: End): void {
  if (!shown) return;
  const name = end === 'next' ? walk.turn : end;
  const { z, labels } = sampleOf(shown.samples, index);
  walk.choose(name, { z, ...(labels && { label: labels[0]! }) });
  marks = { ...marks, [name]: index };
  tiles.mark(marks.A, marks.B);
}

/** Loads a model; the one that is there stays until the new one is. The last that was asked for is the one that stays. */
const open = latest(async (source: Source, device: 'auto' | 'wasm' | 'webgpu') => {
  const sameModel = current?.source === source;
  if (!sameModel || !current) showPage('loading');
  showProblem();
  tellProgress({ bytes: 0 });
  try {
    const engine = await Engine.load(source, device, tellProgress);
    const previous = current?.engine;
    current = { source, engine };
    previous?.end();
    controls.showDevice(engine.model.backend.device);
    if (!sameModel) {
      shown = undefined;
      introduce(source, engine.model);
    }
    walk.use(engine, sameModel);
    showPage('studio');
    draw();
    if (!sameModel && engine.model.metadata.kind === 'images') await firstWalk(engine);
  } catch (error) {
    showProblem(error as Error);
    if (current) controls.showDevice(current.engine.model.backend.device);
    showPage(current ? 'studio' : 'welcome');
  }
});

/** The walk of a model that has just been opened: within one class, where there are some. */
async function firstWalk(engine: Engine): Promise<void> {
  const { conditional, classes } = engine.model.metadata;
  const { seed } = controls.wish.options;
  const label = Math.max(0, Math.min(2, classes.length - 1));
  const samples = await engine.sample(2, { seed, ...(conditional && { label }) });
  (['A', 'B'] as const).forEach((end, i) => {
    const { z, labels } = sampleOf(samples, i);
    walk.choose(end, { z, ...(labels && { label: labels[0]! }) });
  });
}

function introduce(source: Source, { metadata }: Loaded): void {
  const { kind, recipe, shape, steps } = metadata;
  controls.fit(metadata);
  for (const id of ['grid', 'plot'])
    document.getElementById(id)!.hidden = (id === 'grid') !== (kind === 'images');
  document.getElementById('walk')!.hidden = kind !== 'images';
  const title = source instanceof File ? source.name : `${recipe} generator`;
  const size = kind === 'images' ? `${shape[1]!} × ${shape[2]!}` : 'points';
  const model = byId('model', 'p');
  model.hidden = false;
  model.textContent = `${title} · ${size} · ${steps.toLocaleString('en')} steps`;
  const facts: readonly (readonly [string, string])[] = [
    ['Recipe', recipe],
    ['Output', kind === 'images' ? shape.join(' × ') : 'points [2]'],
    ['Latent', `${metadata.zDim} numbers, ${metadata.latent}`],
    ['Classes', metadata.conditional ? metadata.classes.join(', ') || 'by number' : 'none'],
    ['Noise', metadata.random ? 'yes: dropout or noise stays on, drawn from the seed' : 'none'],
    ['Parameters', metadata.parameterCount.toLocaleString('en')],
    ['Trained', `${steps.toLocaleString('en')} steps, ${metadata.images.toLocaleString('en')} samples seen`],
    ['Techniques', metadata.techniques.join(', ') || 'none'],
    ['ganx', metadata.ganxVersion],
  ];
  document
    .querySelector('#about dl')!
    .replaceChildren(...facts.flatMap(([name, value]) => [create('dt', {}, name), create('dd', {}, value)]));
}

function timing(n: number, milliseconds: number, { device, threads, reason }: Loaded['backend']): string {
  const on = `${device}${threads === undefined ? '' : `, ${threads} thread${threads === 1 ? '' : 's'}`}`;
  return `${n} samples in ${milliseconds.toFixed(milliseconds < 10 ? 1 : 0)} ms on ${on}${reason ? ` (${reason})` : ''}`;
}

function showPage(name: 'welcome' | 'loading' | 'studio'): void {
  for (const id of ['unstarted', 'welcome', 'loading', 'studio']) byId(id, 'main').hidden = id !== name;
}

function tellProgress({ bytes, total }: Progress): void {
  const bar = byId('loading-bar', 'progress');
  if (total !== undefined && bytes < total) bar.value = bytes / total;
  else bar.removeAttribute('value');
  byId('loading-text', 'p').textContent =
    total !== undefined && bytes < total ? 'Loading the model' : 'Starting onnxruntime';
}

function showProblem(error?: Error): void {
  const problem = byId('problem', 'p');
  problem.hidden = !error;
  problem.textContent = error?.message ?? '';
}

byId('save', 'button').addEventListener('click', () => {
  if (!shown) return;
  const { samples, seed } = shown;
  void toPngBlob(pictureOf(samples)).then((blob) => {
    download(blob, `ganx-seed-${seed}.png`);
  }, showProblem);
});
watchOpening((source) => {
  open(source, 'auto');
});
showPage('loading');
const served = await servedModel();
if (served) open(served, 'auto');
else showPage('welcome');
