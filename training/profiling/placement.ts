import { providerOf } from './profile.ts';

export interface PlacedNode {
  readonly op: string;
  readonly name: string;
}

/** Which provider computes which nodes of a session, those of subgraphs included. */
export interface Placement {
  /** Nodes by provider, such as `cpu` or `webgpu`. */
  readonly counts: Readonly<Record<string, number>>;
  /** The nodes themselves by provider; empty where one provider has them all, because onnxruntime does not list them then. */
  readonly nodes: Readonly<Record<string, readonly PlacedNode[]>>;
}

/**
 * Reads the placement of nodes from onnxruntime's verbose log of making one session. It is known when the session is
 * made, so nothing has to be run, and no shader is compiled; the profiler tells it only of nodes that have run.
 *
 * @throws Error where the log does not tell it
 */
export function readPlacement(log: string): Placement {
  const counts: Record<string, number> = {};
  const nodes: Record<string, PlacedNode[]> = {};
  let provider: string | undefined;
  for (const line of log.split('\n')) {
    const heading = / placed on \[(\w+)\]\. Number of nodes: (\d+)/.exec(line);
    const node = / VerifyEachNodeIsAssignedToAnEp\] +(\S+) \((.*)\)\s*$/.exec(line);
    if (heading) {
      provider = providerOf(heading[1]!);
      counts[provider] = Number(heading[2]);
    } else if (node && provider !== undefined)
      (nodes[provider] ??= []).push({ op: node[1]!, name: node[2]! });
  }
  if (provider === undefined) throw new Error("onnxruntime's log does not tell where nodes are placed");
  for (const [name, { length }] of Object.entries(nodes))
    if (length !== counts[name])
      throw new Error(`onnxruntime's log lists ${length} of the ${counts[name] ?? 0} nodes on ${name}`);
  return { counts, nodes };
}
