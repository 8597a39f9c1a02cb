import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { pythonLacks } from '../artifacts/python.ts';
import { temporaryFolder } from '../temporary-folder.ts';

const root = join(import.meta.dirname, '../../python');

function python(args: readonly string[], cwd: string): void {
  const { status, stdout, stderr } = spawnSync('python3', args, { cwd, encoding: 'utf8' });
  expect({ args: args.join(' '), status, output: `${stdout}${stderr}` }).toMatchObject({ status: 0 });
}

/** A test that Python runs, skipped with the reason in its name where Python lacks a module. */
function testPython(name: string, modules: readonly string[], run: () => void | Promise<void>): void {
  const lacks = pythonLacks(...modules);
  test.skipIf(lacks)(`${name}${lacks ? `, skipped: ${lacks}` : ''}`, run, 1_200_000);
}

const withoutTorch = pythonLacks('torch');

describe('the Python package', () => {
  testPython(
    `passes its own tests${withoutTorch ? ` (those of its PyTorch modules are skipped: ${withoutTorch})` : ''}`,
    ['pytest', 'numpy', 'onnx', 'onnxruntime', 'safetensors', 'PIL'],
    () => {
      python(['-m', 'pytest'], root);
    },
  );

  testPython('satisfies ruff', ['ruff'], () => {
    python(['-m', 'ruff', 'check'], root);
    python(['-m', 'ruff', 'format', '--check'], root);
  });

  testPython('satisfies mypy --strict', ['mypy', 'torch', 'onnx', 'PIL', 'pytest'], () => {
    python(['-m', 'mypy'], root);
  });

  testPython('is built with its type marker, and imports without PyTorch', ['hatchling'], () => {
    const folder = temporaryFolder();
    const target = join(folder, 'installed');
    const install = [
      '-m',
      'pip',
      'install',
      '--quiet',
      '--no-deps',
      '--no-build-isolation',
      '--target',
      target,
    ];
    python([...install, '--disable-pip-version-check', '--root-user-action=ignore', root], folder);
    const program = `import sys; sys.path.insert(0, ${JSON.stringify(target)}); import ganx, pathlib
assert ganx.__file__.startswith(${JSON.stringify(target)}) and 'torch' not in sys.modules
assert pathlib.Path(ganx.__file__).with_name('py.typed').exists()`;
    python(['-c', program], folder);
  });

  test('has the version of ganx', () => {
    const { version } = JSON.parse(readFileSync(join(root, '../package.json'), 'utf8')) as {
      version: string;
    };
    expect(readFileSync(join(root, 'ganx/version.py'), 'utf8')).toContain(`__version__ = "${version}"`);
  });
});
