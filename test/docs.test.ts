import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ganxVersion } from '../artifacts/version.ts';
import { presets } from '../training/presets.ts';
import { recipeSchema } from '../training/recipe-schema.ts';
import { renderRecipes } from './recipe-docs.ts';
import { ganx, temporaryFolder } from './training/fixtures.ts';

const root = join(import.meta.dirname, '..');
const read = (path: string) => readFileSync(join(root, path), 'utf8');
const pages = [
  'README.md',
  ...readdirSync(join(root, 'docs')).flatMap((file) => (file.endsWith('.md') ? [`docs/${file}`] : [])),
];

/** The `npx ganx` commands of a page, in order. */
function commandsOf(page: string): string[][] {
  const blocks = [...read(page).matchAll(/```sh\n(.*?)```/gs)].map(([, block]) => block!);
  const lines = blocks.flatMap((block) => block.split('\n'));
  return lines.flatMap((line) =>
    line.startsWith('npx ganx ') ? [line.slice('npx ganx '.length).split(/\s+/)] : [],
  );
}

describe.each(pages.filter((page) => commandsOf(page).length))('%s', (page) => {
  it('has only commands that work, in their order', async () => {
    const folder = await temporaryFolder();
    for (const command of commandsOf(page)) {
      // A training of full length is shown by the README's first command, not by a test.
      const short =
        command[0] === 'train' && !command.some((word) => /^--(steps|epochs|minutes)$/.test(word));
      const { code, stderr } = await ganx(short ? [...command, '--steps', '10'] : command, folder);
      expect({ command: command.join(' '), code, stderr }).toEqual({
        command: command.join(' '),
        code: 0,
        stderr: '',
      });
    }
  });
});

describe('documentation', () => {
  it.each(pages)('%s links to files that exist', (page) => {
    for (const [, link] of read(page).matchAll(/\]\((?!https?:|#)([^)]+)\)/g))
      expect(() => readdirSync(join(root, page, '..', link!, '..')), link).not.toThrow();
  });

  it('lists every setting of every recipe as the schema describes it', () => {
    expect(read('docs/recipes.md')).toBe(renderRecipes());
  });

  it('and the package agree on the version', () => {
    const { version } = JSON.parse(read('package.json')) as { version: string };
    expect(ganxVersion).toBe(version);
    expect(read('CHANGELOG.md')).toContain(`## ${version}`);
  });

  it.each(Object.entries(presets))('preset %s fits the schema and has its own name', (name, preset) => {
    expect(recipeSchema.parse(preset)).toEqual(preset);
    expect(preset.name).toBe(name);
  });
});
