import { InputError } from './errors.ts';
import type { ModelSummary } from './onnx/summary.ts';

// Runs in browsers too: no Node, no schema library.

export const generatorFormat = 'ganx.generator';
export const encoderFormat = 'ganx.encoder';
export const generatorFormatVersion = '1';

/** What a generator says of itself, so that a caller needs nothing but the file. No dates: equal runs, equal files. */
export interface GeneratorMetadata {
  readonly ganxVersion: string;
  readonly recipe: string;
  readonly kind: 'images' | 'points';
  /** Length of the latent vector. */
  readonly zDim: number;
  /** What it was trained on: N(0, 1), or U(-1, 1) an element. */
  readonly latent: 'normal' | 'uniform';
  /** Of one sample: [C, H, W], or [2] for points. */
  readonly shape: readonly number[];
  /** Values of images lie in it; absent for points, which are in the data's own units. */
  readonly valueRange?: readonly [number, number];
  /** Names of the labels, in order; empty where the data has none. */
  readonly classes: readonly string[];
  /** Takes an input `label`. */
  readonly conditional: boolean;
  /** Takes an input `seed`, for its noise and dropout. */
  readonly random: boolean;
  readonly techniques: readonly string[];
  /** The running average of the weights, or the weights themselves. */
  readonly weights: 'ema' | 'live';
  /** Steps trained. */
  readonly steps: number;
  /** Images seen. */
  readonly images: number;
  readonly parameterCount: number;
}

/** As metadata_props of the ONNX model. */
export function encodeMetadata(metadata: GeneratorMetadata): Record<string, string> {
  const entries = Object.entries(metadata).filter(([, value]) => value !== undefined);
  return {
    format: generatorFormat,
    formatVersion: generatorFormatVersion,
    ...Object.fromEntries(
      entries.map(([key, value]) => [key, typeof value === 'string' ? value : JSON.stringify(value)]),
    ),
  };
}

/**
 * Reads the metadata of a generator and checks it against the model's inputs and outputs.
 *
 * @param source What messages call the model: its path.
 * @throws InputError naming the file, where it is no generator of ganx or contradicts itself.
 */
export function decodeMetadata(
  info: Pick<ModelSummary, 'metadata' | 'inputs' | 'outputs' | 'producer'>,
  source: string,
): GeneratorMetadata {
  const { metadata } = info;
  if (metadata.format !== generatorFormat)
    throw new InputError(`${source}: not a ganx generator (found ${whatItIs(info)})`);
  if (metadata.formatVersion !== generatorFormatVersion)
    throw new InputError(
      `${source}: generator format version ${metadata.formatVersion ?? '(none)'} is unknown, this ganx reads ${generatorFormatVersion}`,
    );
  const read = new Reader(metadata, source);
  const kind = read.oneOf('kind', ['images', 'points']);
  const result: GeneratorMetadata = {
    ganxVersion: read.text('ganxVersion'),
    recipe: read.text('recipe'),
    kind,
    zDim: read.json('zDim', isPositive, 'an integer >= 1'),
    latent: read.oneOf('latent', ['normal', 'uniform']),
    shape: read.json('shape', isShape(kind), kind === 'images' ? '[C, H, W]' : '[2]'),
    ...(metadata.valueRange === undefined && kind === 'points'
      ? {}
      : { valueRange: read.json('valueRange', isRange, '[low, high]') }),
    classes: read.json('classes', isStrings, 'a list of names'),
    conditional: read.json('conditional', isBoolean, 'true or false'),
    random: read.json('random', isBoolean, 'true or false'),
    techniques: read.json('techniques', isStrings, 'a list of names'),
    weights: read.oneOf('weights', ['ema', 'live']),
    steps: read.json('steps', isCount, 'an integer >= 0'),
    images: read.json('images', isCount, 'an integer >= 0'),
    parameterCount: read.json('parameterCount', isCount, 'an integer >= 0'),
  };
  checkPorts(result, info, source);
  return result;
}

/** For the person who took the wrong file. */
function whatItIs({ metadata, inputs, outputs, producer }: Parameters<typeof decodeMetadata>[0]): string {
  // A training graph has hundreds.
  const ports = (list: ModelSummary['inputs']) => {
    const shown = list.slice(0, 3).map(({ name, shape }) => `${name} [${shape.join(', ')}]`);
    return [...shown, ...(list.length > 3 ? [`${list.length - 3} more`] : [])].join(', ') || 'nothing';
  };
  const author = producer ? ` by ${producer}` : '';
  const format = metadata.format ? ` of format ${metadata.format}` : '';
  return `an ONNX model${author}${format} from ${ports(inputs)} to ${ports(outputs)}`;
}

function checkPorts(
  { kind, conditional, random }: GeneratorMetadata,
  { inputs, outputs }: Pick<ModelSummary, 'inputs' | 'outputs'>,
  source: string,
): void {
  const check = (what: 'input' | 'output', present: boolean, name: string, wanted: boolean, why: string) => {
    if (present !== wanted)
      throw new InputError(
        `${source}: damaged generator (${why}, but the model has ${present ? 'an' : 'no'} ${what} "${name}")`,
      );
  };
  const has = (name: string) => inputs.some((input) => input.name === name);
  check('input', has('z'), 'z', true, 'every generator takes a latent vector');
  check('input', has('seed'), 'seed', random, `random is ${random}`);
  check('input', has('label'), 'label', conditional, `conditional is ${conditional}`);
  check(
    'output',
    outputs.some(({ name }) => name === kind),
    kind,
    true,
    `it makes ${kind}`,
  );
}

/** Takes fields out of the strings of the metadata; each refusal names file, field and rule. */
class Reader {
  readonly #metadata: Readonly<Record<string, string>>;
  readonly #source: string;

  constructor(metadata: Readonly<Record<string, string>>, source: string) {
    this.#metadata = metadata;
    this.#source = source;
  }

  text(key: string): string {
    const value = this.#metadata[key];
    if (value === undefined)
      throw new InputError(`${this.#source}: damaged generator (metadata lacks ${key})`);
    return value;
  }

  oneOf<T extends string>(key: string, allowed: readonly T[]): T {
    const value = this.text(key);
    return allowed.find((option) => option === value) ?? this.#refuse(key, value, allowed.join(' or '));
  }

  json<T>(key: string, check: (value: unknown) => value is T, rule: string): T {
    const text = this.text(key);
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch {
      return this.#refuse(key, text, rule);
    }
    return check(value) ? value : this.#refuse(key, text, rule);
  }

  #refuse(key: string, value: string, rule: string): never {
    throw new InputError(
      `${this.#source}: damaged generator (metadata ${key} ${JSON.stringify(value)} must be ${rule})`,
    );
  }
}

const isBoolean = (value: unknown) => typeof value === 'boolean';
const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;
const isPositive = (value: unknown): value is number => isCount(value) && value > 0;
const isStrings = (value: unknown): value is string[] =>
  Array.isArray(value) && value.every((item) => typeof item === 'string');
const isRange = (value: unknown): value is [number, number] =>
  Array.isArray(value) &&
  value.length === 2 &&
  value.every((bound) => typeof bound === 'number') &&
  value[0]! < value[1]!;
const isShape =
  (kind: 'images' | 'points') =>
  (value: unknown): value is number[] =>
    Array.isArray(value) &&
    value.every(isPositive) &&
    (kind === 'images' ? value.length === 3 : value.length === 1 && value[0] === 2);
