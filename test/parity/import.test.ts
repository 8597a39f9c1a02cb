import { beforeAll, describe, expect, test } from 'vitest';
import type { Comparison } from '../../bench/import.ts';
import { agrees, compareAll } from '../../bench/import.ts';
import { pythonLacks } from '../artifacts/python.ts';

/** What ganx does not import, and what its refusal names. */
const refused: Readonly<Record<string, RegExp>> = {
  lstm: /LSTM/,
  'grid-sample': /GridSample/,
  'random-noise': /RandomNormal/,
};

/** Without a second derivative to compare: of an integer, and one for which PyTorch has no formula. */
const onceOnly = new Set(['embedding', 'hard-sigmoid']);

const lacking = pythonLacks('torch', 'safetensors', 'onnxscript');

describe.skipIf(lacking)(`modules of PyTorch${lacking ? `, skipped: ${lacking}` : ''}`, () => {
  let results: Comparison[];
  beforeAll(async () => {
    results = await compareAll([]);
  }, 1_800_000);

  test.each(['dynamo', 'torchscript'])('of %s: at least 40, as autograd has them', (exporter) => {
    const compared = results.filter((row) => row.exporter === exporter && !row.refused);
    expect(compared.filter((row) => !agrees(row))).toEqual([]);
    expect(compared.length).toBeGreaterThanOrEqual(40);
    expect(new Set(compared.filter((row) => row.second === undefined).map(({ name }) => name))).toEqual(
      onceOnly,
    );
    expect(compared.filter(({ statistic }) => statistic !== undefined).length).toBeGreaterThanOrEqual(4);
  });

  test.each([9, 10, 11, 13])('in the forms of opset %i: at least 20, as autograd has them', (opset) => {
    const compared = results.filter((row) => row.exporter === `torchscript-${opset}` && !row.refused);
    expect(compared.filter((row) => !agrees(row))).toEqual([]);
    expect(compared.length).toBeGreaterThanOrEqual(20);
  });

  test('what is not imported is refused by name, and nothing else is', () => {
    const byGanx = results.filter((row) => row.refused?.by === 'ganx');
    for (const { name, refused: why } of byGanx) expect(why!.reason, name).toMatch(refused[name] ?? /^$/);
    expect(new Set(byGanx.map(({ name }) => name))).toEqual(new Set(Object.keys(refused)));
  });
});
