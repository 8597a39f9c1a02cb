// What the tests compare with, made by the built ganx: `node make_fixtures.mjs FOLDER [RUN...]`. Every run is trained to step 10
// and resumed to step 30, so that it has a checkpoint of both, on one thread; beside it `data.safetensors` holds its
// data as ganx decodes them, and `expected.safetensors` what its generator makes in JavaScript.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { URL } from 'node:url';
import { gunzipSync } from 'node:zlib';
import sharp from 'sharp';
import { encodeSafetensors } from '../../dist/artifacts/safetensors.js';
import { baseKey, bitsAt, normals, normalTable, streamKey, uniforms } from '../../dist/graph-builder/hash.js';
import { tensor } from '../../dist/graph-builder/types.js';
import { latents, sliceSeed } from '../../dist/inference/latent.js';
import { Generator } from '../../dist/inference/node.js';
import { openDataset } from '../../dist/training/data/dataset.js';
import { EpochSampler } from '../../dist/training/data/sampler.js';
import { train } from '../../dist/training/train.js';

const folder = process.argv[2];
mkdirSync(folder, { recursive: true });

/** 200 of the digits that ship with ganx, grey and of ten classes. */
function writeDigits() {
  const cut = (name, header, bytes) => {
    const shipped = new URL(`../../training/data/digits/${name}.gz`, import.meta.url);
    const file = gunzipSync(readFileSync(shipped)).subarray(0, header + 200 * bytes);
    file.writeUInt32BE(200, 4);
    mkdirSync(join(folder, 'digits'), { recursive: true });
    writeFileSync(join(folder, 'digits', name), file);
  };
  cut('t10k-images-idx3-ubyte', 16, 28 * 28);
  cut('t10k-labels-idx1-ubyte', 8, 1);
  return join(folder, 'digits');
}

/** Coloured noise of three classes. */
async function writeColours() {
  for (const [at, name] of ['cat', 'dog', 'fox'].entries()) {
    mkdirSync(join(folder, 'colours', name), { recursive: true });
    for (let i = 0; i < 12; i++) {
      const pixels = uniforms(at, i, 'colours', 16 * 16 * 3).map((u, j) => u * (j % 3 === at ? 255 : 100));
      const image = sharp(Uint8Array.from(pixels), { raw: { width: 16, height: 16, channels: 3 } });
      await image.png().toFile(join(folder, 'colours', name, `${i}.png`));
    }
  }
  return join(folder, 'colours');
}

const digits = writeDigits();
const small = ['network.filters=4', 'network.zDim=8'];
const noise = { std: 0.2, steps: 40 };
/** The five presets, then networks and techniques that they leave off. */
const runs = {
  dcgan: { data: digits, set: small },
  acgan: { data: digits, recipe: 'acgan', set: small },
  vaegan: { data: digits, recipe: 'vaegan', set: small },
  klgan: { data: digits, recipe: 'klgan', set: small },
  mlp: { data: 'ring8', set: ['network.hidden=16', 'network.zDim=4'] },
  shuffle: {
    data: await writeColours(),
    recipe: 'acgan',
    set: [
      ...small,
      'network.upsampling=pixelShuffle',
      'network.downsampling=averagePool',
      'network.normalization=instance',
      'techniques.labels.embedding=channels',
      'techniques.labels.width=3',
      'techniques.dropout.layers=2',
    ],
  },
  nearest: {
    data: digits,
    size: 32,
    set: [
      ...small,
      'network.upsampling=nearest',
      'network.normalization=none',
      'loss=wasserstein',
      'techniques.gradientPenalty.between=10',
      'network.slope=0',
      'techniques.dropout.layers=0',
      'techniques.batches=mixed',
      'emaDecay=0',
      'optimizer.generator.learningRate=0.02',
      'optimizer.discriminator.learningRate=0.003',
    ],
  },
  large: {
    data: digits,
    size: 64,
    set: ['network.filters=2', 'network.zDim=8', 'optimizer.generator.learningRate=0.01'],
  },
  'mlp-images': {
    data: digits,
    recipe: 'mlp',
    set: [
      'network.hidden=16',
      'network.zDim=8',
      'techniques.labels.weight=1',
      'techniques.labels.width=5',
      'techniques.minibatchDiscrimination.kernels=6',
      'techniques.dropout={"rate":0.3,"layers":2}',
      `techniques.layerNoise=${JSON.stringify({ ...noise, decay: 'cosine' })}`,
    ],
  },
  techniques: {
    data: digits,
    set: [
      ...small,
      'optimizer.discriminator.kind=sgd',
      'optimizer.discriminator.momentum=0.5',
      'techniques.latent=uniform',
      'techniques.snapshots={"count":2,"every":4,"steps":2}',
      'techniques.targetNetworks={"tau":0.1,"of":"generator"}',
      'techniques.freezing.cap=2',
      'techniques.lossThreshold.cap=2',
      'techniques.historicalAveraging=0.01',
      'techniques.minibatchDiscrimination.kernels=4',
      'techniques.discriminatorSteps=2',
      'techniques.gradientPenalty={"real":0.1,"fake":0.05}',
      'techniques.rateDecay={"decay":"cosine","steps":40}',
      'techniques.augmentation={"color":0.5,"translation":0.1,"cutout":0.3,"mirror":0.5}',
      `techniques.instanceNoise=${JSON.stringify({ ...noise, decay: 'cosine' })}`,
      `techniques.layerNoise=${JSON.stringify({ ...noise, decay: 'exponential' })}`,
    ],
  },
};

const floats = (data, shape) => tensor('float32', data, shape);
const part = (name, { data, shape, z, labels }) => [
  [`${name}/data`, floats(data, shape)],
  [`${name}/z`, floats(z, [shape[0], z.length / shape[0]])],
  ...(labels ? [[`${name}/labels`, tensor('int32', labels)]] : []),
];

async function writeExpected(name, out, images) {
  const generator = await Generator.load(out, { threads: 1 });
  const { conditional, latent } = generator.metadata;
  const parts = [
    ...part('sample', await generator.sample(70, { seed: 5 })),
    ...part('interpolate', await generator.interpolate(1, -2, 5, { seed: 3 })),
    ...part('line', await generator.interpolate(1, 2, 3, { path: 'line' })),
    ...(latent === 'normal'
      ? part('truncated', await generator.sample(3, { seed: -3, truncation: 0.7 }))
      : []),
    ...(conditional ? part('labelled', await generator.sample(2, { label: 1 })) : []),
    ...(name === 'vaegan' ? part('reconstruct', await generator.reconstruct(images, { seed: 4 })) : []),
  ];
  const samples = await generator.sample(5, { seed: 5 });
  writeFileSync(join(out, 'five.png'), await generator.toPng(samples));
  await generator.dispose();
  writeFileSync(join(out, 'expected.safetensors'), encodeSafetensors(new Map(parts)));
}

const only = process.argv.slice(3);
for (const [name, options] of Object.entries(runs)) {
  if (only.length && !only.includes(name)) continue;
  const out = join(folder, name);
  const common = { size: 16, batch: 8, seed: 3, threads: 1, sampleEvery: 10, ...options, out };
  await train({ ...common, steps: 10 });
  for (const steps of name === 'dcgan' ? [30, 50] : [30]) await train({ ...common, steps, resume: true });
  const { data, labels, sampleShape, count, dtype } = await openDataset(options.data, {
    size: common.size,
    channels: 'auto',
  });
  const dataset = new Map([
    ['data', tensor(dtype, data, [count, ...sampleShape])],
    ...(labels ? [['labels', tensor('int32', labels)]] : []),
  ]);
  writeFileSync(join(out, 'data.safetensors'), encodeSafetensors(dataset));
  const size = sampleShape.reduce((a, b) => a * b);
  const images = Float32Array.from(data.subarray(0, 3 * size), (byte) => byte / 127.5 - 1);
  await writeExpected(name, out, images);
}

const order = new EpochSampler(97, -8);
const numbers = new Map([
  ['normalTable', tensor('float32', normalTable())],
  ['normals', tensor('float32', normals(-(2 ** 31), 77, 'z', 5000))],
  ['uniforms', tensor('float32', uniforms(7, 0, 'generator/größe', 5000))],
  ['keys', tensor('int32', [baseKey(-9, 2 ** 30), streamKey('generator/block1/noise/noise')].flat())],
  [
    'bits',
    tensor(
      'int32',
      [-(2 ** 31), -1, 0, 2 ** 31 - 1].map((index) => bitsAt([5, -7], index)),
    ),
  ],
  [
    'sliceSeeds',
    tensor(
      'int32',
      [0, 1, 2].map((slice) => sliceSeed(-12, slice)),
    ),
  ],
  ['tight', tensor('float32', latents(4, 9, 11, 0.001))],
  ['loose', tensor('float32', latents(4, 9, 11, 2.5))],
  ['order', tensor('int32', [...order.indices(60, 300), ...order.indices(2 ** 33, 50)])],
]);
writeFileSync(join(folder, 'numbers.safetensors'), encodeSafetensors(numbers));
