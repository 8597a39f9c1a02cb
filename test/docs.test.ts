import { execFileSync, spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ganxVersion } from '../artifacts/version.ts';
import { presets } from '../training/presets.ts';
import { recipeSchema } from '../training/recipe-schema.ts';
import { pythonLacks } from './artifacts/python.ts';
import { renderRecipes } from './recipe-docs.ts';
import { ganx, temporaryFolder } from './training/fixtures.ts';

const root = join(import.meta.dirname, '..');
const read = (path: string) => readFileSync(join(root, path), 'utf8');
const pages = [
  'README.md',
  ...readdirSync(join(root, 'docs')).flatMap((file) => (file.endsWith('.md') ? [`docs/${file}`] : [])),
];

/** The code on a page in one language, in order. */
const blocksOf = (page: string, language: string): string[] =>
  [...read(page).matchAll(new RegExp(`\`\`\`${language}\\n(.*?)\`\`\``, 'gs'))].map(([, block]) => block!);

/** The `npx ganx` commands of a page, in order. */
function commandsOf(page: string): string[][] {
  const lines = blocksOf(page, 'sh').flatMap((block) => block.split('\n'));
  return lines.flatMap((line) =>
    line.startsWith('npx ganx ') ? [line.slice('npx ganx '.length).split(/\s+/)] : [],
  );
}

const lacks = pythonLacks('numpy', 'onnx', 'onnxruntime', 'safetensors', 'torch', 'PIL');

describe.each(pages.filter((page) => commandsOf(page).length))('%s', (page) => {
  it(`has only commands that work, in their order${lacks ? ` (its Python is skipped: ${lacks})` : ''}`, async () => {
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
    if (lacks) return;
    for (const program of blocksOf(page, 'python')) {
      const { status, stderr } = spawnSync('python3', ['-c', program], {
        cwd: folder,
        encoding: 'utf8',
        env: { ...process.env, PYTHONPATH: join(root, 'python') },
      });
      expect({ program, status, stderr }).toEqual({ program, status: 0, stderr: '' });
    }
    // PyTorch alone takes a minute to import where everything else is busy.
  }, 600_000);
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
