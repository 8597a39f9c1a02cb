import { readFile } from 'node:fs/promises';
import type { z } from 'zod';
import { InputError } from '../artifacts/errors.ts';
import type { Recipe } from '../graph-builder/recipe.ts';
import { presets } from './presets.ts';
import { recipeSchema } from './recipe-schema.ts';

/**
 * A recipe by preset name or from a JSON file, with settings changed.
 *
 * A file holds a whole recipe, or `{ "extends": "dcgan", ... }` with only what differs.
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
export function changeRecipe(recipe: Recipe, assignments: readonly string[]): Recipe {
  if (!assignments.length) return recipe;
  const changed = structuredClone(recipe) as unknown as Json;
  for (const assignment of assignments) assign(changed, assignment);
  return checkRecipe(changed, '--set');
}

type Json = Record<string, unknown>;

function preset(name: string): Recipe {
  const recipe = presets[name];
  if (!recipe || !Object.hasOwn(presets, name))
    throw new InputError(
      `--recipe: "${name}" is unknown; expected ${Object.keys(presets).join(', ')}, or a file such as ./recipe.json`,
    );
  return recipe;
}

async function readRecipe(path: string): Promise<unknown> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    throw new InputError(
      `--recipe: ${path} cannot be read (${(cause as NodeJS.ErrnoException).code ?? 'error'})`,
      { cause },
    );
  }
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch (cause) {
    throw new InputError(`${path}: is not JSON (${(cause as Error).message})`, { cause });
  }
  if (!isObject(content)) throw new InputError(`${path}: must hold a JSON object`);
  const { extends: parent, ...rest } = content;
  if (parent === undefined) return content;
  if (typeof parent !== 'string') throw new InputError(`${path}: "extends" must be the name of a preset`);
  return merge(preset(parent) as unknown as Json, rest);
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** `over` on top of `base`. A different `kind` starts from nothing: its settings are others. */
function merge(base: Json, over: Json): Json {
  const result: Json = { ...base };
  for (const [key, value] of Object.entries(over)) {
    const known = base[key];
    const sameKind = isObject(value) && isObject(known) && (value.kind ?? known.kind) === known.kind;
    result[key] = sameKind ? merge(known, value) : value;
  }
  return result;
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
  const found =
    value === undefined ? 'nothing' : typeof value === 'number' ? String(value) : JSON.stringify(value);
  return `${path || 'recipe'} is ${found}: ${issue.message.replace(/^Invalid input: /, '')}`;
}

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (part, key) => (part as Record<PropertyKey, unknown> | undefined)?.[key],
    value,
  );
}

/** Applies `path=value`; the path must exist, so that a typing error is not ignored. */
function assign(recipe: Json, assignment: string): void {
  const separator = assignment.indexOf('=');
  if (separator < 1) throw new InputError(`--set: "${assignment}" must have the form path=value`);
  const path = assignment.slice(0, separator).trim();
  const keys = path.split('.');
  const last = keys.pop()!;
  let parent: unknown = recipe;
  for (const [i, key] of keys.entries()) {
    if (!isObject(parent) || !Object.hasOwn(parent, key)) throw unknownPath(path, parent, keys.slice(0, i));
    parent = parent[key];
  }
  const container = Array.isArray(parent) || isObject(parent) ? (parent as Json) : undefined;
  // Not hasOwn: a list has a length of its own.
  if (!container || !Object.keys(container).includes(last)) throw unknownPath(path, parent, keys);
  const text = assignment.slice(separator + 1).trim();
  let value: unknown = text;
  try {
    value = JSON.parse(text);
  } catch {
    // Not JSON: a plain word such as pixelShuffle.
  }
  container[last] = value;
}

function unknownPath(path: string, parent: unknown, keys: readonly string[]): InputError {
  const known = isObject(parent) ? Object.keys(parent).map((key) => [...keys, key].join('.')) : [];
  return new InputError(
    `--set: ${path} is unknown${known.length ? `; expected one of ${known.join(', ')}` : `: ${keys.join('.')} has no settings`}`,
  );
}
