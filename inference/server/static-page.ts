import { cp, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { InputError } from '../../artifacts/errors.ts';
import { makeFolder, onFile, writeFileAtomic } from '../../artifacts/files.ts';
import { readGenerator } from '../generator-file.ts';
import { readModel } from '../node-files.ts';
import { runtimeFiles, runtimeFolder } from './page.ts';

/** What a written playground is made of. */
const parts: readonly string[] = ['index.html', 'assets', 'ort', 'generator.onnx'];

/**
 * Writes the playground for any host of files: the page, onnxruntime-web and a generator.
 *
 * @param page folder of the built playground
 * @throws InputError where it is no generator of ganx, or the folder holds something else.
 */
export async function writePage(page: string, generator: string, folder: string): Promise<void> {
  const model = await readModel(generator, 'generator', {});
  readGenerator(model);
  await makeFolder(folder);
  const there = await onFile('read', folder, () => readdir(folder));
  const foreign = there.find((name) => !parts.includes(name));
  if (foreign !== undefined)
    throw new InputError(
      `--static: ${folder} holds ${foreign}; expected an empty or new folder, or an earlier playground`,
    );
  await onFile('write', folder, async () => {
    await rm(join(folder, 'assets'), { recursive: true, force: true });
    await cp(page, folder, { recursive: true });
    for (const name of runtimeFiles) await cp(join(runtimeFolder(), name), join(folder, 'ort', name));
  });
  await writeFileAtomic(join(folder, 'generator.onnx'), model.bytes);
}
