import type { z } from 'zod';
import { InputError } from '../artifacts/errors.ts';
import { readText } from '../artifacts/files.ts';
import type { Recipe } from '../graph-builder/recipe.ts';
import { kindDefaults, presets } from './presets.ts';
import { recipeSchema } from './recipe-schema.ts';
import { parseRunConfig } from './run-config.ts';

/**
 * A recipe by preset name or from a JSON file, with settings changed.
 *
 * A file holds a whole recipe, `{ "extends": "dcgan", ... }` with only what differs, or a run: its recipe.json.
 *
 * @param assignments `path=value` pairs such as `optimizer.generator.learningRate=1e-4`; values are JSON or plain text
 * @throws InputError naming the file, option, path or value
 */
export async function resolveRecipe(
  nameOrFile: string,
  assignments: readonly string[] = [],
): Promise<Recipe> {
  const isFile = /[./\\]/.test(nameOrFile);
  const base = isFile ? await readRecipe(nameOrFile) : preset(nameOrFile);
  const source = isFile ? nameOrFile : `recipe ${nameOrFile}`;
  return changeRecipe(checkRecipe(base, source), assignments);
}

/** A recipe with settings changed, as {@link resolveRecipe} does it. */
export function changeRecipe(recipe: Recipe, assignments: readonly string[] = []): Recipe {
  if (!assignments.length) return recipe;
  return checkRecipe(assignments.reduce(assign, recipe as unknown as Json), '--set');
}

type Json = Record<string, unknown>;

function preset(name: string): Recipe {
  if (!Object.hasOwn(presets, name))
    throw new InputError(
      `--recipe: "${name}" is unknown; expected ${presetNames}, or a file such as ./recipe.json`,
    );
  return presets[name]!;
}

const presetNames = Object.keys(presets).join(', ');

async function readRecipe(path: string): Promise<unknown> {
  const text = await readText(path);
  let content: unknown;
  try {
    // Some editors begin a file with a byte order mark.
    content = JSON.parse(text.replace(/^\uFEFF/, ''));
  } catch (cause) {
    throw new InputError(`${path}: is not JSON (${(cause as Error).message})`, { cause });
  }
  if (!isObject(content)) throw new InputError(`${path}: must hold a JSON object`);
  if (content.format === 'ganx.run') return parseRunConfig(content, path).recipe;
  const { extends: parent, ...rest } = content;
  if (parent === undefined) return content;
  if (typeof parent !== 'string' || !Object.hasOwn(presets, parent))
    throw new InputError(`${path}: extends is ${JSON.stringify(parent)}, must be one of ${presetNames}`);
  return merge(presets[parent] as unknown as Json, rest);
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** `over` on top of `base`. */
function merge(base: Json, over: Json): Json {
  const result: Json = { ...base };
  for (const [key, value] of Object.entries(over)) result[key] = laidOver(base[key], value);
  return result;
}

/** What a part becomes. One of another `kind` starts from the defaults of that kind: its settings are others. */
const laidOver = (part: unknown, value: unknown): unknown =>
  isObject(value) && isObject(part) ? merge(ofKind(part, value.kind), value) : value;

/** A part of a recipe as that of a kind: itself, or the defaults where it is of another. */
function ofKind(part: Json, kind: unknown): Json {
  const own = part.kind;
  if (typeof own !== 'string' || typeof kind !== 'string' || kind === own) return part;
  const family = kindDefaults.find((kinds) => Object.hasOwn(kinds, own));
  // Where the kind is unknown the schema says so.
  return { kind, ...family?.[kind] };
}

function checkRecipe(value: unknown, source: string): Recipe {
  const result = recipeSchema.safeParse(value);
  if (result.success) return result.data;
  throw new InputError(`${source}: ${describe(result.error.issues[0]!, value)}`);
}

/** One problem as one line: where, what was found, what was expected. */
function describe(issue: z.core.$ZodIssue, recipe: unknown): string {
  const path = issue.path.join('.');
  if (issue.code === 'unrecognized_keys') {
    const where = issue.path.length ? `${path}.` : '';
    const known = Object.keys(valueAt(recipe, issue.path) as Json).filter((key) => !issue.keys.includes(key));
    return `${where}${issue.keys[0]} is unknown; expected one of ${known.map((key) => where + key).join(', ')}`;
  }
  const value = valueAt(recipe, issue.path);
  // Only a file that extends nothing can leave something out.
  if (value === undefined)
    return `${path} is missing; for a file with only what differs from a preset, add "extends": "dcgan"`;
  const found = typeof value === 'number' ? String(value) : JSON.stringify(value);
  return `${path || 'recipe'} is ${found}: ${expected(issue)}`;
}

function expected(issue: z.core.$ZodIssue): string {
  // Of a union by kind; zod calls the kind a discriminator, which is something else here.
  if (issue.code === 'invalid_union' && 'options' in issue)
    return `expected one of ${issue.options.map((option) => JSON.stringify(option)).join('|')}`;
  return issue.message.replace(/^Invalid (input|option): /, '');
}

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (part, key) => (part as Record<PropertyKey, unknown> | undefined)?.[key],
    value,
  );
}

/** Applies `path=value`; the path must exist, so that a typing error is not ignored. */
function assign(recipe: Json, assignment: string): Json {
  const separator = assignment.indexOf('=');
  if (separator < 1) throw new InputError(`--set: "${assignment}" must have the form path=value`);
  const path = assignment.slice(0, separator).trim();
  const value = jsonOrWord(assignment.slice(separator + 1).trim());
  const changed = (part: unknown, [key, ...below]: readonly string[], above: readonly string[]): unknown => {
    if (key === undefined) return laidOver(part, value);
    // Not hasOwn: a list has a length of its own.
    if (!(isObject(part) || Array.isArray(part)) || !Object.keys(part).includes(key))
      throw unknownPath(path, part, above);
    if (isObject(part) && key === 'kind' && !below.length) return laidOver(part, { kind: value });
    const next = changed((part as Json)[key], below, [...above, key]);
    return Array.isArray(part) ? part.with(Number(key), next) : { ...part, [key]: next };
  };
  return changed(recipe, path.split('.'), []) as Json;
}

function jsonOrWord(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // A plain word such as pixelShuffle.
    return text;
  }
}

function unknownPath(path: string, parent: unknown, keys: readonly string[]): InputError {
  const known = isObject(parent) ? Object.keys(parent).map((key) => [...keys, key].join('.')) : [];
  return new InputError(
    `--set: ${path} is unknown${known.length ? `; expected one of ${known.join(', ')}` : `: ${keys.join('.')} has no settings`}`,
  );
}
