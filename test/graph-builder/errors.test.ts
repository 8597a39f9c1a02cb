import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { GraphError } from '../../graph-builder/errors.ts';
import { cast } from '../../graph-builder/ops/elementwise.ts';
import { reshape } from '../../graph-builder/ops/movement.ts';
import { sizeOf } from '../../graph-builder/shape.ts';
import { unplaced } from './error-cases/graphs.ts';
import { placed } from './error-cases/nodes.ts';
import { Sketch } from './error-cases/sketch.ts';
import type { Build } from './error-cases/sketch.ts';

function message(build: Build): string {
  const sketch = new Sketch();
  try {
    sketch.graph.scope('discriminator', () => sketch.graph.scope('block2', () => build(sketch)));
  } catch (error) {
    if (error instanceof GraphError) return error.message;
    throw error;
  }
  return 'nothing was refused';
}

describe('a node that cannot be', () => {
  test.each(placed)('%s', (sentence, build) => {
    const text = message(build);
    expect(text).toContain(sentence);
    expect(text).toMatch(/ \(at discriminator\/block2[^)]*\)$/);
  });
});

describe('a graph that cannot be', () => {
  test.each(unplaced)('%s', (sentence, build) => {
    expect(message(build)).toContain(sentence);
  });
});

test('a GraphError says operator and place in fields too', () => {
  const { graph } = new Sketch();
  const x = graph.input('x', 'float32', [2]);
  const refused = () => graph.scope('generator', () => cast(reshape(x, [3]), 'int32'));
  expect(refused).toThrow(GraphError);
  expect(refused).toThrow(expect.objectContaining({ op: 'Reshape', place: 'generator', name: 'GraphError' }));
  // The scope is left even so.
  expect(graph.scopePath).toBe('');
});

test('the size of a symbolic shape is refused', () => {
  expect(() => sizeOf(['N', 2])).toThrow('extent N must be a fixed number here');
});

/** Every sentence that the sources can refuse with, as a pattern: what is filled in may be anything. */
function sentences(files: readonly string[]): RegExp[] {
  return files.flatMap((file) => {
    const source = readFileSync(new URL(file, root), 'utf8');
    return [...source.matchAll(/\b(?:refuse|new GraphError)\(([^]*?)\);\n/g)].flatMap(([, call]) => {
      const texts = (call!.match(/`[^`]*`|'[^'\n]*'/g) ?? []).map((text) => text.slice(1, -1));
      const sentence = texts.find((text) => text.includes(' '));
      if (sentence === undefined) return [];
      const parts = sentence.split(/\$\{(?:[^{}]|\{[^{}]*\})*\}/);
      return [new RegExp(parts.map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('.*'))];
    });
  });
}

const root = new URL('../../graph-builder/', import.meta.url);
const filesOf = (folder: string) => readdirSync(new URL(folder, root)).map((file) => `${folder}${file}`);

test('every sentence of the graph, its operators and layers is tested', () => {
  const said = [...placed, ...unplaced].map(([, build]) => message(build));
  const patterns = sentences([
    ...['graph.ts', 'shape.ts', 'types.ts', 'autodiff.ts', 'random.ts', 'export.ts'],
    ...['ops/', 'layers/', 'losses/', 'networks/'].flatMap(filesOf),
  ]);
  expect(patterns.length).toBeGreaterThan(60);
  expect(patterns.filter((pattern) => !said.some((text) => pattern.test(text)))).toEqual([]);
});
