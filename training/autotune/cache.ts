import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { z } from 'zod';
import { InputError } from '../../artifacts/errors.ts';
import { makeFolder, readJsonObject, writeJson } from '../../artifacts/files.ts';
import type { JsonObject } from '../../artifacts/files.ts';
import { cacheFolder } from '../cache-folder.ts';
import { executionSchema } from './execution.ts';
import type { Tuning } from './search.ts';

const schema = z
  .object({
    chosen: executionSchema,
    measured: z.array(executionSchema.extend({ milliseconds: z.number() })),
  })
  .refine(({ chosen, measured }) =>
    measured.some(({ target, threads }) => target === chosen.target && threads === chosen.threads),
  );

/** What was measured for a program on a device, kept for the runs that follow. */
export class TuningCache {
  readonly #file: string;
  readonly #of: JsonObject;

  /**
   * @param of all that the choice depends on
   * @param folder default `autotune` in the cache folder of ganx
   */
  constructor(of: JsonObject, folder = join(cacheFolder(), 'autotune')) {
    const key = createHash('sha256').update(JSON.stringify(of)).digest('hex').slice(0, 32);
    this.#file = join(folder, `${key}.json`);
    this.#of = of;
  }

  /** Undefined where nothing is kept, or nothing that can be read: it is measured anew then. */
  async read(): Promise<Tuning | undefined> {
    try {
      const kept = schema.safeParse(await readJsonObject(this.#file));
      return kept.success ? kept.data : undefined;
    } catch (error) {
      if (error instanceof InputError) return undefined;
      throw error;
    }
  }

  /** Returns the file. */
  async write(tuning: Tuning): Promise<string> {
    await makeFolder(join(this.#file, '..'));
    await writeJson(this.#file, { of: this.#of, ...tuning } as unknown as JsonObject);
    return this.#file;
  }
}
