import { GraphError } from '../errors.ts';
import type { Graph } from '../graph.ts';
import type { Target } from '../ops/op.ts';
import { cancelTransposes } from './cancel-transposes.ts';
import { carryChanged } from './carry-changed.ts';
import { carryJoined } from './carry-joined.ts';
import { CpuForms } from './channels-last-on-cpu.ts';
import { CudaForms } from './channels-last-on-cuda.ts';
import { channelsLast } from './channels-last.ts';
import { computeLate } from './compute-late.ts';
import { useCudaForms } from './cuda-forms.ts';
import { elementwiseInParts } from './elementwise-in-parts.ts';
import { foldReshapes } from './fold-reshapes.ts';
import { gatherByElement } from './gather-by-element.ts';
import { hoistLayouts } from './hoist-layouts.ts';
import { lower } from './lower.ts';
import { mergeDuplicates } from './merge-duplicates.ts';
import { normsAsScales } from './norms-as-scales.ts';
import { raiseTransposes } from './raise-transposes.ts';
import { recompute } from './recompute.ts';
import { removeDead } from './remove-dead.ts';
import { useWebgpuForms } from './webgpu-forms.ts';

type Rewrite = (graph: Graph) => Graph;

/** Composite operators are lowered first where layouts need to see their parts, last where they have a form of their own. */
const rewritesFor: Readonly<Record<Target, readonly Rewrite[]>> = {
  portable: [
    carryChanged,
    removeDead,
    (graph) => lower(graph, 'portable'),
    useWebgpuForms,
    mergeDuplicates,
    removeDead,
  ],
  cuda: [
    carryChanged,
    removeDead,
    (graph) => lower(graph, 'cuda'),
    mergeDuplicates,
    (graph) => channelsLast(graph, new CudaForms()),
    cancelTransposes,
    foldReshapes,
    mergeDuplicates,
    removeDead,
    useCudaForms,
    (graph) => lower(graph, 'portable'),
    mergeDuplicates,
    carryJoined,
    removeDead,
  ],
  cpu: [
    carryChanged,
    removeDead,
    (graph) => lower(graph, 'cpu'),
    normsAsScales,
    mergeDuplicates,
    (graph) => channelsLast(graph, new CpuForms()),
    cancelTransposes,
    removeDead,
    raiseTransposes,
    removeDead,
    hoistLayouts,
    cancelTransposes,
    gatherByElement,
    mergeDuplicates,
    removeDead,
    (graph) => lower(graph, 'portable'),
    foldReshapes,
    removeDead,
    recompute,
    elementwiseInParts,
    foldReshapes,
    removeDead,
    computeLate,
  ],
};

/**
 * From the graph as it was built to one that can be written as ONNX.
 * Constants are not folded here: onnxruntime does that when it loads a model.
 *
 * @throws GraphError for a target that is none
 */
export function compile(graph: Graph, target: Target): Graph {
  if (!Object.hasOwn(rewritesFor, target))
    throw new GraphError('compile', `target ${target} must be one of ${Object.keys(rewritesFor).join(', ')}`);
  return rewritesFor[target].reduce((result, rewrite) => rewrite(result), graph);
}
