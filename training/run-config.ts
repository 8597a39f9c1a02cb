import { z } from 'zod';
import { InputError } from '../artifacts/errors.ts';
import type { JsonObject } from '../artifacts/files.ts';
import type { Recipe, SampleSpec } from '../graph-builder/recipe.ts';
import { executionSchema } from './autotune/execution.ts';
import type { Execution } from './autotune/execution.ts';
import type { ImportedConfig } from './imported.ts';
import { usual } from './options.ts';
import { recipeSchema } from './recipe-schema.ts';

/** All that a run was started with: what recipe.json and every checkpoint record. */
export interface RunConfig {
  readonly format: 'ganx.run';
  readonly formatVersion: 1;
  readonly ganxVersion: string;
  readonly recipe: Recipe;
  /** Absolute path, or name of a mixture; null for the digits that ship with ganx. */
  readonly data: string | null;
  readonly dataName: string;
  /** Of the content, by which the data are known again. */
  readonly dataSha256: string;
  readonly samples: number;
  readonly sample: Required<SampleSpec>;
  readonly classes: readonly string[];
  readonly size: number;
  readonly seed: number;
  readonly steps: number;
  readonly sampleEvery: number;
  readonly checkpointEvery: number;
  readonly onDiverge: 'stop' | 'rollback';
  readonly device: string;
  readonly threads: number;
  /** What was measured to be the fastest; absent where nothing was, and the usual one is taken. */
  readonly execution?: Execution | undefined;
  /** Absent where ganx makes both networks. */
  readonly imported?: ImportedConfig | undefined;
}

const imported = z.strictObject({ file: z.string(), sha256: z.string() }).optional();

const schema = z.strictObject({
  format: z.literal('ganx.run'),
  formatVersion: z.literal(1),
  ganxVersion: z.string(),
  recipe: recipeSchema,
  data: z.string().nullable(),
  dataName: z.string(),
  dataSha256: z.string(),
  samples: z.number().int().min(1),
  sample: z.strictObject({
    kind: z.enum(['images', 'points']),
    shape: z.array(z.number().int().min(1)),
    classes: z.number().int().min(0),
  }),
  classes: z.array(z.string()),
  size: z.number().int(),
  seed: z.number().int(),
  steps: z.number().int().min(1),
  sampleEvery: z.number().int().min(0).default(usual.sampleEvery),
  checkpointEvery: z.number().int().min(0).default(usual.checkpointEvery),
  onDiverge: z.enum(['stop', 'rollback']).default(usual.onDiverge),
  device: z.string(),
  threads: z.number().int().min(1),
  execution: executionSchema.optional(),
  imported: z
    .strictObject({ generator: imported, discriminator: imported, freeze: z.array(z.string()) })
    .optional(),
}) satisfies z.ZodType<RunConfig>;

/** @throws InputError naming `source` and the field that is wrong */
export function parseRunConfig(value: unknown, source: string): RunConfig {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0]!;
  throw new InputError(
    `${source}: ${issue.path.join('.') || 'content'}: ${issue.message}; was it written by another ganx?`,
  );
}

export const runConfigToJson = (config: RunConfig): JsonObject => config as unknown as JsonObject;

/** Settings that a resumed run may not change, because the state depends on them. */
export type FixedSettings = Pick<RunConfig, 'recipe' | 'size' | 'seed' | 'imported'>;

/** @throws InputError naming the first setting in which a run was otherwise than it is to go on */
export function checkSameSettings(stored: RunConfig, now: FixedSettings, folder: string): void {
  const fixed: readonly [string, (settings: FixedSettings) => unknown][] = [
    ['recipe', ({ recipe }) => recipe],
    // Points have none.
    ['--size', ({ size }) => (stored.sample.kind === 'images' ? size : undefined)],
    ['--seed', ({ seed }) => seed],
    ['imported', ({ imported }) => imported],
  ];
  for (const [path, settingOf] of fixed) {
    const difference = firstDifference(settingOf(stored), settingOf(now), path);
    if (difference)
      throw new InputError(
        `${folder}: is a checkpoint of another run: ${difference}; use the same settings or another --out`,
      );
  }
}

type Data = Pick<RunConfig, 'dataSha256' | 'dataName' | 'samples'>;

/** @throws InputError where a run would go on with other data */
export function checkSameData(stored: Data, now: Data, folder: string): void {
  if (stored.dataSha256 !== now.dataSha256)
    throw new InputError(
      `${folder}: was trained on other data: ${stored.samples} samples of ${stored.dataName} there, ${now.samples} of other content in ${now.dataName} here; use the same data or another --out`,
    );
}

function firstDifference(a: unknown, b: unknown, path: string): string | undefined {
  const isObject = (value: unknown): value is Record<string, unknown> =>
    typeof value === 'object' && value !== null;
  if (isObject(a) && isObject(b)) {
    for (const key of new Set([...Object.keys(a), ...Object.keys(b)])) {
      const difference = firstDifference(a[key], b[key], `${path}.${key}`);
      if (difference) return difference;
    }
    return undefined;
  }
  return Object.is(a, b) ? undefined : `${path} is ${JSON.stringify(a)} there and ${JSON.stringify(b)} here`;
}
