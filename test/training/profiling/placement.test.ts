import { expect, test } from 'vitest';
import { reasonOnCpu } from '../../../training/profiling/on-cpu.ts';
import { readPlacement } from '../../../training/profiling/placement.ts';

const line = (text: string) =>
  `2026-01-01 00:00:00.1 [V:onnxruntime:, session_state.cc:1385 VerifyEachNodeIsAssignedToAnEp] ${text}`;

test('nodes by provider, as onnxruntime logs them', () => {
  const log = [
    'something else',
    line('Node placements'),
    line(' Node(s) placed on [CPUExecutionProvider]. Number of nodes: 2'),
    line('  Loop (steps/Loop)'),
    line('  Transpose (Transpose_token_175)'),
    line(' Node(s) placed on [WebGpuExecutionProvider]. Number of nodes: 1'),
    line('  Mul (a (b)/Mul)'),
    'and more',
  ].join('\n');
  expect(readPlacement(log)).toEqual({
    counts: { cpu: 2, webgpu: 1 },
    nodes: {
      cpu: [
        { op: 'Loop', name: 'steps/Loop' },
        { op: 'Transpose', name: 'Transpose_token_175' },
      ],
      webgpu: [{ op: 'Mul', name: 'a (b)/Mul' }],
    },
  });
  expect(() => readPlacement(log.slice(0, log.indexOf('  Transpose')))).toThrow(
    "onnxruntime's log lists 1 of the 2 nodes on cpu",
  );
});

test('where one provider has all nodes, onnxruntime does not list them', () => {
  const log = line(' All nodes placed on [CUDAExecutionProvider]. Number of nodes: 343');
  expect(readPlacement(log)).toEqual({ counts: { cuda: 343 }, nodes: {} });
  expect(() => readPlacement('')).toThrow("onnxruntime's log does not tell where nodes are placed");
});

test('what may be on the CPU has a reason, on the device that it is a reason for', () => {
  const loop = { op: 'Loop', name: 'steps/Loop' };
  expect(reasonOnCpu(loop, { kind: 'webgpu', index: 0 })).toMatch(/^WebGPU has no Loop/);
  expect(reasonOnCpu(loop, { kind: 'cuda', index: 0 })).toBeUndefined();
  expect(reasonOnCpu({ op: 'Cast', name: 'data/Cast' }, { kind: 'webgpu', index: 0 })).toBeUndefined();
});
