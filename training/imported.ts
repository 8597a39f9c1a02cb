import { basename, dirname, join } from 'node:path';
import { InputError } from '../artifacts/errors.ts';
import { makeFolder } from '../artifacts/files.ts';
import type { ImportedModel } from '../artifacts/import/imported-model.ts';
import { importModel } from '../artifacts/import/imported-model.ts';
import {
  checkDiscriminator,
  checkGenerator,
  discriminatorOf,
  generatorOf,
  lastOperator,
  latentOf,
} from '../artifacts/import/network.ts';
import { unmatchedPattern } from '../artifacts/import/tensors.ts';
import type { RunFolder } from '../artifacts/run-folder.ts';
import type { GivenNetworks } from '../graph-builder/networks/network.ts';
import type { Recipe, SampleSpec } from '../graph-builder/recipe.ts';
import type { Tensor } from '../graph-builder/types.ts';
import { isFloat } from '../graph-builder/types.ts';
import { settingOf } from './options.ts';
import type { TrainOptions } from './options.ts';
import type { RunConfig } from './run-config.ts';

type Role = keyof GivenNetworks;
const roles: readonly Role[] = ['generator', 'discriminator'];

const checks = { generator: checkGenerator, discriminator: checkDiscriminator } as const;

/** Why nothing is trained, where the weights are of another type. */
function otherFloats({ tensors }: ImportedModel): string {
  const types = new Set([...tensors.values()].map(({ tensor }) => tensor.dtype).filter(isFloat));
  return types.size ? `; weights must be float32, and its tensors are ${[...types].join(' and ')}` : '';
}

/** What recipe.json says of imported networks: copies in the run folder, by which the run can go on anywhere. */
export interface ImportedConfig {
  readonly generator?: ImportedFile | undefined;
  readonly discriminator?: ImportedFile | undefined;
  /** Patterns of names of tensors that are not trained. */
  readonly freeze: readonly string[];
}

export interface ImportedFile {
  /** In the run folder. */
  readonly file: string;
  /** Of the model and the files beside it. */
  readonly sha256: string;
}

/** Networks that a run takes from ONNX files. */
export class ImportedNetworks {
  readonly #models: Readonly<Partial<Record<Role, ImportedModel>>>;
  readonly #freeze: readonly string[];

  private constructor(models: Partial<Record<Role, ImportedModel>>, freeze: readonly string[]) {
    this.#models = models;
    this.#freeze = freeze;
  }

  /**
   * Reads the files that the options name, or those that a resumed run keeps.
   *
   * @throws InputError naming the file and what is wrong with it, or a pattern that fits nothing
   */
  static async read(
    options: TrainOptions,
    resumed: RunFolder | undefined,
    stored: RunConfig | undefined,
  ): Promise<ImportedNetworks> {
    const freeze = options.freeze ?? stored?.imported?.freeze ?? [];
    const models: Partial<Record<Role, ImportedModel>> = {};
    for (const role of roles) {
      const kept = stored?.imported?.[role];
      if (resumed && options[role] !== undefined)
        throw new InputError(
          `--${role}: a resumed run goes on with ${kept ? `its own copy, ${kept.file}` : 'the network that it began with'}; leave it out`,
        );
      const path = kept && resumed ? join(resumed.path, kept.file) : options[role];
      if (path === undefined) continue;
      const prefix = `${role}/`;
      const own = freeze.flatMap((pattern) => {
        if (pattern.startsWith(prefix)) return pattern.slice(prefix.length);
        return roles.some((other) => pattern.startsWith(`${other}/`)) ? [] : pattern;
      });
      const imported = await importModel(path, own);
      if (kept && kept.sha256 !== imported.model.sha256)
        throw new InputError(
          `${path}: was changed after the run began: sha256 ${imported.model.sha256}, expected ${kept.sha256}`,
        );
      if (![...imported.tensors.values()].some(({ role: tensor }) => tensor === 'parameter'))
        throw new InputError(
          `${path}: has nothing to train${own.length ? `; --freeze ${own.join(' ')} leaves no tensor` : otherFloats(imported)}`,
        );
      // Before anything is asked of the data, whose size and channels follow from the networks.
      checks[role](imported);
      models[role] = imported;
    }
    if (!roles.some((role) => models[role]) && freeze.length)
      throw new InputError('--freeze: needs --generator or --discriminator, whose tensors it names');
    const names = roles.flatMap((role) =>
      [...(models[role]?.tensors.keys() ?? [])].flatMap((name) => [name, `${role}/${name}`]),
    );
    const unmatched = unmatchedPattern(freeze, names);
    if (unmatched !== undefined) {
      // What stays as it is anyway, such as constants of the exporter, is nothing to freeze.
      const trained = Object.values(models).flatMap(({ tensors }) =>
        [...tensors].flatMap(([name, { role }]) => (role === 'constant' ? [] : name)),
      );
      const known = trained.length > 6 ? [...trained.slice(0, 6), '...'] : trained;
      throw new InputError(`--freeze: ${unmatched} fits no tensor; there are ${known.join(', ')}`);
    }
    return new ImportedNetworks(models, freeze);
  }

  get any(): boolean {
    return roles.some((role) => this.#models[role]);
  }

  /** Shape of the images that an imported network is made for; undefined where that cannot be told. */
  get imageShape(): readonly number[] | undefined {
    const { generator, discriminator } = this.#models;
    const shape = (generator?.outputs[0]?.shape ?? discriminator?.inputs[0]?.shape)?.slice(1).map(Number);
    if (shape?.length === 3) return shape;
    // Flat: gray or coloured squares.
    const [size = 0] = shape?.length === 1 ? shape : [];
    for (const channels of [1, 3]) {
      const side = Math.sqrt(size / channels);
      if (Number.isInteger(side) && side > 1) return [channels, side, side];
    }
    return undefined;
  }

  /**
   * The recipe with what the imported networks dictate.
   *
   * @param set `path=value` changes that the recipe has had
   * @throws InputError for a change that would have no effect, and where the recipe leaves both networks to files that
   * were not given
   */
  apply(recipe: Recipe, set: readonly string[] = []): Recipe {
    const { generator, discriminator } = this.#models;
    if (recipe.network.kind === 'imported' && !(generator && discriminator))
      throw new InputError('network.kind is imported: needs both --generator and --discriminator');
    if (!generator) return recipe;
    const zDim = latentOf(generator);
    for (const assignment of set) {
      const [part, setting] = settingOf(assignment).split('.');
      if (part !== 'network') continue;
      if (discriminator)
        throw new InputError(
          `--set: ${assignment} changes nothing where both networks are from files; leave it out`,
        );
      if ((setting ?? 'zDim') === 'zDim' && recipe.network.zDim !== zDim)
        throw new InputError(
          `--set: ${assignment} does not fit ${generator.model.source}, which takes a z of ${zDim}; leave it out`,
        );
    }
    return {
      ...recipe,
      network: discriminator ? { kind: 'imported', zDim } : { ...recipe.network, zDim },
    };
  }

  /** @throws InputError naming the shapes that do not fit the data */
  networks(sample: SampleSpec): GivenNetworks {
    const { generator, discriminator } = this.#models;
    if (generator) checkGenerator(generator, sample);
    if (discriminator) checkDiscriminator(discriminator, sample);
    return {
      ...(generator ? { generator: generatorOf(generator, sample) } : {}),
      ...(discriminator ? { discriminator: discriminatorOf(discriminator) } : {}),
    };
  }

  /** What was done to the networks, for people. */
  notes(sample: SampleSpec): string[] {
    const { generator, discriminator } = this.#models;
    const made = generator && lastOperator(generator.model);
    const notes: string[] = [];
    if (made === 'Sigmoid' && sample.kind === 'images')
      notes.push(
        `${generator!.model.source}: ends in a sigmoid; its images are stretched from [0, 1] to [-1, 1], outside of its weights`,
      );
    else if (generator && made !== 'Tanh' && sample.kind === 'images')
      notes.push(`${generator.model.source}: does not end in tanh; images are expected in [-1, 1]`);
    if (discriminator && lastOperator(discriminator.model) === 'Sigmoid')
      notes.push(
        `${discriminator.model.source}: ends in a sigmoid, which is left out: D is trained on logits`,
      );
    for (const role of roles) {
      const tensors = [...(this.#models[role]?.tensors ?? [])];
      const kept = tensors.filter(([, { role: tensor, why }]) => tensor === 'constant' && why === 'frozen');
      if (kept.length) notes.push(`${role}: ${kept.length} tensors are frozen`);
      const still = tensors.filter(([, { role: tensor, why }]) => tensor === 'statistic' && why);
      if (still.length) notes.push(`${role}: ${still.length} running statistics are ${still[0]![1].why}`);
    }
    return notes;
  }

  /** What recipe.json records. */
  get config(): ImportedConfig | undefined {
    if (!this.any) return undefined;
    const fileOf = (role: Role) => {
      const model = this.#models[role]?.model;
      return model && { file: `imported/${role}/${basename(model.source)}`, sha256: model.sha256 };
    };
    const [generator, discriminator] = [fileOf('generator'), fileOf('discriminator')];
    return {
      ...(generator ? { generator } : {}),
      ...(discriminator ? { discriminator } : {}),
      freeze: this.#freeze,
    };
  }

  /** Copies the files into a new run's folder, byte by byte. */
  async copyTo(folder: RunFolder): Promise<void> {
    for (const role of roles) {
      const model = this.#models[role]?.model;
      if (!model) continue;
      const target = join(folder.path, this.config![role]!.file);
      for (const [path, bytes] of [
        [target, model.bytes] as const,
        ...[...model.files].map(([name, data]) => [join(dirname(target), name), data] as const),
      ]) {
        await makeFolder(dirname(path));
        await folder.writeFile(path, bytes);
      }
    }
  }

  /**
   * The named tensors of an imported network with their trained values, under the names of the file; undefined for a
   * network of ganx's own.
   *
   * @param trained value of a tensor by its name in the file
   */
  tensorsOf(role: Role, trained: (name: string) => Tensor | undefined): Map<string, Tensor> | undefined {
    const model = this.#models[role];
    if (!model) return undefined;
    return new Map(
      [...model.tensors].flatMap(([name, { tensor, isNamed }]) =>
        isNamed ? [[name, trained(name) ?? tensor] as const] : [],
      ),
    );
  }
}
