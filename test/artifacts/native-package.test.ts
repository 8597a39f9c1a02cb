import { expect, test } from 'vitest';
import { PackageError } from '../../artifacts/native-package.ts';

const failure = (message: string, code?: string) => Object.assign(new Error(message), code && { code });
const dlopen = (message: string) => failure(message, 'ERR_DLOPEN_FAILED');
const ofSharp = (...lines: readonly string[]) =>
  failure(
    [
      'Could not load the "sharp" module using the linux-x64 runtime',
      ...lines,
      'Possible solutions:',
      '- Ensure optional dependencies can be installed:',
      '    npm install --include=optional sharp',
    ].join('\n'),
  );

const place = '/app/node_modules/onnxruntime-node/bin/napi-v6/linux/x64';

test.each([
  [
    'the package is not there',
    failure("Cannot find package 'p' imported from /app/a.js", 'ERR_MODULE_NOT_FOUND'),
    'is not installed',
  ],
  [
    'its binding is not there',
    failure("Cannot find module '../bin/b.node'\nRequire stack:\n- /app/a.js", 'MODULE_NOT_FOUND'),
    "does not load: Cannot find module '../bin/b.node'",
  ],
  [
    'its library is not there',
    dlopen('libonnxruntime.so.1: cannot open shared object file: No such file or directory'),
    'does not load: libonnxruntime.so.1: cannot open shared object file: No such file or directory',
  ],
  [
    'its library is cut',
    dlopen(`${place}/libonnxruntime.so.1: file too short`),
    `does not load: ${place}/libonnxruntime.so.1: file too short`,
  ],
  ['sharp has no binaries', ofSharp(), 'has no binaries for linux-x64'],
  [
    'a library of sharp is damaged',
    ofSharp('ERR_DLOPEN_FAILED: /app/lib/libvips-cpp.so.8.18.7: invalid ELF header'),
    'does not load: /app/lib/libvips-cpp.so.8.18.7: invalid ELF header',
  ],
])('where %s it is to be installed', (_, cause, problem) => {
  const error = new PackageError('p', 'npm install p', cause);
  expect(error.message).toBe(`p ${problem}; install it with "npm install p"`);
  expect(error).toMatchObject({ problem, install: 'npm install p', cause });
});

test.each([
  `/lib/x86_64-linux-gnu/libc.so.6: version \`GLIBC_2.28' not found (required by ${place}/libonnxruntime.so.1)`,
  `Error loading shared library ld-linux-x86-64.so.2: No such file or directory (needed by ${place}/onnxruntime_binding.node)`,
  'libonnxruntime.so.1: failed to map segment from shared object',
  'libstdc++.so.6: cannot open shared object file: No such file or directory',
  'libonnxruntime.so.1: cannot open shared object file: Permission denied',
])('what npm does not mend is told in the words of the loader: %s', (words) => {
  const [own, sharps] = [dlopen(words), ofSharp(`ERR_DLOPEN_FAILED: ${words}`)].map(
    (cause) => new PackageError('p', 'npm install p', cause),
  );
  expect(own!.message).toBe(`p does not load: ${words}`);
  expect(sharps!.message).toBe(own!.message);
  expect(own!.install).toBeUndefined();
});
