import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, test } from 'vitest';

const module = pathToFileURL(join(import.meta.dirname, '../../dist/cli/stop-signal.js')).href;
const asFirst = ['--pid', '--fork', '--kill-child'];
const canBeFirst = spawnSync('unshare', [...asFirst, 'true']).status === 0;

test.skipIf(!canBeFirst)(
  'a second signal ends the first process of a container (skipped where unshare is not, or not allowed)',
  () => {
    const script = `
      const { stopSignal } = await import(${JSON.stringify(module)});
      stopSignal();
      process.kill(1, 'SIGINT');
      setTimeout(() => process.kill(1, 'SIGINT'), 1100);
      setTimeout(() => process.exit(7), 5000);`;
    const args = [...asFirst, process.execPath, '--input-type=module', '--eval', script];
    const { status, stderr } = spawnSync('unshare', args, { encoding: 'utf8' });
    expect({ status, stderr }).toEqual({
      status: 130,
      stderr: '\nganx: stopping after the current steps (again to quit at once)\n',
    });
  },
);
