import { RunFolder } from '../artifacts/run-folder.ts';
import { buildProgram } from '../graph-builder/program.ts';
import type { TrainingProgram } from '../graph-builder/program.ts';
import { ImportedNetworks } from './imported.ts';
import { parseRunConfig } from './run-config.ts';
import type { RunConfig } from './run-config.ts';

export interface RunProgram {
  readonly folder: RunFolder;
  readonly config: RunConfig;
  readonly program: TrainingProgram;
}

/**
 * What a run trains.
 *
 * @throws InputError where its imported networks do not fit its data
 */
export const programOf = (
  { recipe, sample }: Pick<RunConfig, 'recipe' | 'sample'>,
  imports: ImportedNetworks,
): TrainingProgram => buildProgram(recipe, sample, imports.networks(sample));

/**
 * The training program of a run, made anew from its recipe.
 *
 * @param path folder of the run
 * @throws InputError where it is none, or its recipe or networks cannot be read
 */
export async function openRunProgram(path: string): Promise<RunProgram> {
  const folder = await RunFolder.open(path);
  const config = parseRunConfig(await folder.readRecipe(), folder.recipe);
  const imports = await ImportedNetworks.read({}, folder, config);
  return { folder, config, program: programOf(config, imports) };
}
