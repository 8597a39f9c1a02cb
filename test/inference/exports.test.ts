import { expect, test } from 'vitest';
import * as graphBuilder from '../../graph-builder/index.ts';
import * as browser from '../../inference/browser.ts';
import * as node from '../../inference/node.ts';

// What users import is listed name by name: a name that comes or goes is a decision.

test.each(Object.entries({ node, browser }))('ganx/inference in %s', (_, inference) => {
  expect(Object.keys(inference).sort()).toEqual([
    'Generator',
    'InputError',
    'greatCircle',
    'latents',
    'lerp',
    'slerp',
    'straightLine',
  ]);
});

test('ganx/graph-builder', () => {
  expect(Object.keys(graphBuilder).sort()).toEqual([
    'Graph',
    'GraphError',
    'RandomStreams',
    'Value',
    'buildProgram',
    'compile',
    'discriminatorGraph',
    'encoderGraph',
    'generatorGraph',
    'gradients',
    'initialize',
    'ops',
    'print',
    'samplerGraph',
    'techniques',
    'techniquesOff',
    'telemetryNames',
    'tensor',
  ]);
});
