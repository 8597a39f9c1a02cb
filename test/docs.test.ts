import { execFileSync, spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { installRuntime } from '../artifacts/onnxruntime-node.ts';
import { ganxVersion } from '../artifacts/version.ts';
import { presets } from '../training/presets.ts';
import { recipeSchema } from '../training/recipe-schema.ts';
import { resolveRecipe } from '../training/recipe.ts';
import { pythonLacks } from './artifacts/python.ts';
import { renderRecipes } from './recipe-docs.ts';
import { ganx } from './ganx.ts';
import { temporaryFolder } from './temporary-folder.ts';

const root = join(import.meta.dirname, '..');
// The package in python/ as if it were installed.
process.env.PYTHONPATH = join(root, 'python');
const read = (path: string) => readFileSync(join(root, path), 'utf8');
const pages = [
  'README.md',
  ...readdirSync(join(root, 'docs')).flatMap((file) => (file.endsWith('.md') ? [`docs/${file}`] : [])),
];

interface Step {
  readonly language: 'sh' | 'python';
  /** A `ganx` command without its name, or a Python program. */
  readonly text: string;
}

/** The `npx ganx` commands and the Python programs of a page, in order. */
const stepsOf = (page: string): Step[] =>
  [...read(page).matchAll(/```(sh|python)\n(.*?)```/gs)].flatMap(([, language, block]): Step[] => {
    if (language === 'python') return [{ language, text: block! }];
    const commands = block!.split('\n').filter((line) => line.startsWith('npx ganx '));
    return commands.map((line) => ({ language: 'sh', text: line.slice('npx ganx '.length) }));
  });

/** A training of full length is shown by the README's first command, not by a test. */
function shortened(command: readonly string[]): readonly string[] {
  if (command[0] !== 'train') return command;
  const steps = command.map((word) => word.replace(/(?<=^|\.steps=)\d{4,}$/, '50'));
  return steps.some((word) => /^--(steps|epochs|minutes)$/.test(word)) ? steps : [...steps, '--steps', '10'];
}

/** Why the Python of a page cannot run; undefined where it can. */
function lacksOf(page: string): string | undefined {
  const programs = stepsOf(page).filter(({ language }) => language === 'python');
  const lines = programs.flatMap(({ text }) => [...text.matchAll(/^(?:import|from) (\w+(?:, \w+)*)/gm)]);
  const modules = new Set(lines.flatMap(([, names]) => names!.split(', ')));
  // What torch.onnx.export and our package ask for and no program names.
  if (programs.some(({ text }) => text.includes('dynamo=True'))) modules.add('onnxscript');
  if (programs.some(({ text }) => text.includes('to_image'))) modules.add('PIL');
  return modules.size ? pythonLacks(...modules) : undefined;
}

const runnable = pages.filter((page) => stepsOf(page).some(({ language }) => language === 'sh'));

describe.each(runnable)('%s', (page) => {
  const lacks = lacksOf(page);
  // Commands that need what Python makes are skipped with it.
  const begins = stepsOf(page)[0]!.language === 'python';
  const skipped = begins ? '' : 'its Python is ';
  it.skipIf(lacks && begins)(
    `has only commands that work, in their order${lacks ? ` (${skipped}skipped: ${lacks})` : ''}`,
    async () => {
      const folder = temporaryFolder();
      for (const { language, text } of stepsOf(page)) {
        if (language === 'python') {
          if (lacks) continue;
          const { status, stderr } = spawnSync('python3', ['-W', 'ignore', '-c', text], {
            cwd: folder,
            encoding: 'utf8',
          });
          expect({ text, status, stderr: status === 0 ? '' : stderr }).toEqual({
            text,
            status: 0,
            stderr: '',
          });
          continue;
        }
        const { code, stderr } = await ganx(shortened(text.split(/\s+/)), folder);
        expect({ text, code, stderr }).toEqual({ text, code: 0, stderr: '' });
      }
    },
  );
});

describe('documentation', () => {
  it.each(pages)('%s links to files that exist', (page) => {
    for (const [, link] of read(page).matchAll(/\]\((?!https?:|#)([^)]+)\)/g))
      expect(() => readdirSync(join(root, page, '..', link!, '..')), link).not.toThrow();
  });

  it('lists every setting of every recipe as the schema describes it', () => {
    expect(read('docs/recipes.md')).toBe(renderRecipes());
  });

  it('has recipes in JSON that are read', async () => {
    const blocks = pages.flatMap((page) =>
      [...read(page).matchAll(/```json\n([^]*?)```/g)].map((match) => match[1]!),
    );
    const recipes = blocks.filter((block) => block.includes('"extends"'));
    expect(recipes.length).toBeGreaterThan(1);
    for (const recipe of recipes) {
      const file = join(temporaryFolder(), 'recipe.json');
      writeFileSync(file, recipe);
      expect(await resolveRecipe(file)).toMatchObject({ techniques: {} });
    }
  });

  it('and the package agree on the versions of ganx and of onnxruntime-node', () => {
    const { version, optionalDependencies } = JSON.parse(read('package.json')) as {
      version: string;
      optionalDependencies: Record<string, string>;
    };
    expect(ganxVersion).toBe(version);
    const runtime = `onnxruntime-node@${optionalDependencies['onnxruntime-node']!}`;
    expect(installRuntime).toBe(`npm install --ignore-scripts ${runtime}`);
    expect(read('CHANGELOG.md')).toContain(`## ${version}`);
  });

  it('is in the package, with the program, which is built before it is packed', () => {
    const packed = execFileSync('npm', ['pack', '--dry-run', '--ignore-scripts', '--json'], { cwd: root });
    const [{ files }] = JSON.parse(packed.toString()) as [{ files: { path: string }[] }];
    const paths = files.map(({ path }) => path);
    expect(paths).toEqual(
      expect.arrayContaining([...pages, 'docs/digits.png', 'dist/cli/main.js', 'dist/index.d.ts']),
    );
    const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
    expect(scripts.prepack).toBe('npm run --silent build');
  });

  it.each(Object.entries(presets))('preset %s fits the schema and has its own name', (name, preset) => {
    expect(recipeSchema.parse(preset)).toEqual(preset);
    expect(preset.name).toBe(name);
  });
});
