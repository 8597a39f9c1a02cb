import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

// Docker itself is not asked: what a build would look for must be there.

const root = join(import.meta.dirname, '..');
const read = (name: string) => readFileSync(join(root, name), 'utf8');
const dockerfile = read('Dockerfile');
const ignored = read('.dockerignore')
  .split('\n')
  .filter((line) => line && !line.startsWith('#'));

test('every path that the image copies or runs is in the project or made by its build', () => {
  const copied = [...dockerfile.matchAll(/^COPY (?!--)(.+) \S+$/gm)].flatMap(([, files]) =>
    files!.split(' '),
  );
  const kept = [...dockerfile.matchAll(/--from=build \/ganx\/(\S+)/g)].map(([, path]) => path!);
  const run = [...dockerfile.matchAll(/(dist\/\S+?\.js)/g)].map(([, path]) => path!);
  expect(copied).toContain('package-lock.json');
  expect(kept).toContain('dist');
  expect(run).toHaveLength(2);
  for (const path of [...copied, ...kept, ...run]) expect(existsSync(join(root, path)), path).toBe(true);
  for (const path of copied) expect(ignored).not.toContain(path);
});

test('every script and command that it runs exists', () => {
  const { scripts, engines } = JSON.parse(read('package.json')) as {
    scripts: Record<string, string>;
    engines: { node: string };
  };
  for (const [, script] of dockerfile.matchAll(/npm run (\S+)/g)) expect(scripts).toHaveProperty(script!);
  const commands = [...dockerfile.matchAll(/main\.js ([\w-]+)/g)].map(([, command]) => command!);
  expect(commands).toEqual(['install-cuda']);
  for (const command of [...commands, 'doctor', 'train'])
    expect(read('cli/main.ts')).toMatch(new RegExp(`^ {2}'?${command}'?:`, 'm'));
  const [, node] = /^FROM node:(\d+)/m.exec(dockerfile)!;
  expect(Number(node)).toBeGreaterThanOrEqual(Number.parseInt(engines.node.slice(2)));
});

test('the build needs nothing that is left out of its context', () => {
  for (const [, folder] of read('tsconfig.build.json').matchAll(/"(\w[\w-]*)"(?=[,\]])/g))
    if (existsSync(join(root, folder!))) expect(ignored, folder).not.toContain(folder);
});
