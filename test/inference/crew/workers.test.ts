import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { temporaryFolder } from '../../temporary-folder.ts';
import { dropoutRecipe, generatorModel, grey } from '../generators.ts';

/** Runs a module against the built package, with `Generator` and `file`, a generator with dropout. */
async function runModule(
  text: string,
  preload?: string,
): Promise<{ readonly code: number; readonly output: string }> {
  const file = join(temporaryFolder(), 'generator.onnx');
  writeFileSync(file, generatorModel(dropoutRecipe, grey));
  const module = `import { Generator } from 'ganx/inference';\nconst file = ${JSON.stringify(file)};\n${text}`;
  return new Promise((resolve) => {
    const child = execFile(
      process.execPath,
      ['--input-type=module', '--eval', module],
      { env: { ...process.env, ...(preload && { NODE_OPTIONS: `--import ${dataUrl(preload)}` }) } },
      (_, stdout, stderr) => {
        resolve({ code: child.exitCode ?? -1, output: stdout + stderr });
      },
    );
  });
}

test('samples of workers are the bits of none, and the thread that asks stays free', async () => {
  const { code, output } = await runModule(`
    const alone = await Generator.load(file, { threads: 2 });
    const shared = await Generator.load(file, { threads: 2, workers: 2 });
    console.log(JSON.stringify([alone.backend, shared.backend]));
    const same = (a, b) => Buffer.compare(Buffer.from(a.data.buffer), Buffer.from(b.data.buffer)) === 0;
    console.log(same(await alone.sample(100, { seed: 3 }), await shared.sample(100, { seed: 3 })));
    console.log(same(await alone.sample(100, { seed: 3 }), await shared.sample(100, { seed: 4 })));
    console.log(same(await alone.interpolate(1, 2, 20), await shared.interpolate(1, 2, 20)));
    const z = (await alone.sample(20, { seed: 5 })).z;
    const first = await alone.sample(20, { z });
    const waiting = [shared.sample(20), shared.sample(20, { z })];
    z.fill(0);
    console.log(same(first, (await Promise.all(waiting))[1]));
    let ticks = 0;
    const timer = setInterval(() => ticks++, 1);
    const before = ticks;
    await shared.sample(8192);
    console.log(ticks - before > 3);
    clearInterval(timer);
    await alone.dispose();
    // Its workers must not keep the process alive.
  `);
  expect(output.split('\n')).toEqual([
    '[{"device":"cpu","threads":2},{"device":"cpu","threads":2,"workers":2}]',
    'true',
    'false',
    'true',
    'true',
    'true',
    '',
  ]);
  expect(code).toBe(0);
});

/** What is done in every thread before anything else. */
const dataUrl = (text: string) => `data:text/javascript,${encodeURIComponent(text)}`;

const useWorkers = `
  const generator = await Generator.load(file, { workers: 2 });
  console.log(generator.backend.workers, generator.backend.reason, (await generator.sample(20)).shape[0]);
  await generator.dispose();
`;

test('workers that cannot start are done without, and the reason is told', async () => {
  const fails = `import { isMainThread } from 'node:worker_threads'; if (!isMainThread) throw null;`;
  expect(await runModule(useWorkers, fails)).toEqual({
    code: 0,
    output: '0 no workers: the worker that runs the model failed: null 20\n',
  });
});

test('workers end although something else is left open in them', async () => {
  const stays = `import { isMainThread } from 'node:worker_threads'; if (!isMainThread) setInterval(() => {}, 1e9);`;
  expect(await runModule(useWorkers, stays)).toEqual({ code: 0, output: '2 undefined 20\n' });
});

test('workers end with dispose', async () => {
  const { code, output } = await runModule(`
    const generator = await Generator.load(file, { workers: 2 });
    const sampled = generator.sample(640);
    await generator.dispose();
    console.log((await sampled).shape.join());
    await generator.sample(1).catch((error) => console.log(error.message.includes('disposed of')));
  `);
  expect([code, output]).toEqual([0, '640,1,16,16\ntrue\n']);
});

test.each([100, 300, 500, 700])(
  'process.exit while workers start, after %i ms, is no crash',
  async (wait) => {
    const { code, output } = await runModule(`
    setTimeout(() => process.exit(3), ${wait});
    await Generator.load(file, { workers: 4 });
    await new Promise(() => setTimeout(() => undefined, 5000));
  `);
    expect([code, output]).toEqual([3, '']);
  },
);

test.each([0, 5, 20])('process.exit during a run, after %i ms, is no crash', async (milliseconds) => {
  const { code, output } = await runModule(`
    const generator = await Generator.load(file, { workers: 2 });
    void generator.sample(20000);
    setTimeout(() => process.exit(3), ${milliseconds});
  `);
  expect([code, output]).toEqual([3, '']);
});
