/** An event of onnxruntime's profiler, which writes the format of Chrome's trace viewer. Times are microseconds. */
export interface ProfileEvent {
  /** `Session`: of the whole session. `Node`: a kernel on the host. `Api`: a program on a WebGPU device. */
  readonly cat: string;
  /** `Node`: name of the node and `_kernel_time`. `Api`: names of the node, its operator and the program, with `&` between. */
  readonly name: string;
  readonly ts: number;
  readonly dur: number;
  readonly args?: {
    readonly op_name?: string;
    readonly provider?: string;
    readonly input_type_shape?: readonly TypeShape[];
    readonly output_type_shape?: readonly TypeShape[];
  };
}

/** Extents of a tensor by its type, such as `{"float": [64, 100]}`. */
type TypeShape = Readonly<Record<string, readonly number[]>>;

/** What a part of a step takes. */
export interface Share {
  readonly name: string;
  readonly milliseconds: number;
  /** Of the time of all operators: 0 to 1. */
  readonly share: number;
  /** Kernels of it. */
  readonly count: number;
}

export interface NodeShare extends Share {
  readonly op: string;
  /** Such as `cpu` or `webgpu`. */
  readonly provider: string;
}

/** A network or another part of the step, with its layers. */
export interface PlaceShare extends Share {
  readonly layers: readonly Share[];
}

/** Where the time of a training step goes. Milliseconds and counts are those of one step; lists begin with what takes longest. */
export interface Profile {
  /** Steps that were measured. */
  readonly steps: number;
  /**
   * Whose clock times the operators. A device computes on its own while the host goes on: where the runtime asks it for
   * its times (WebGPU), those count, otherwise those of the kernels on the host.
   */
  readonly clock: 'host' | 'device';
  /** From the call of a run to its return. */
  readonly milliseconds: number;
  /** Of that, inside kernels on the host. */
  readonly kernels: number;
  /** Of that, in the executor, between kernels. */
  readonly executor: number;
  /** Of that, before and after the executor: inputs, outputs, and the wait for a device. */
  readonly outside: number;
  /** Of programs on the device; undefined with the host's clock. */
  readonly programs: number | undefined;
  readonly operators: readonly Share[];
  /** Operators by the shapes that they take and give: all nodes that do the same work. */
  readonly kinds: readonly Share[];
  readonly nodes: readonly NodeShare[];
  readonly places: readonly PlaceShare[];
  /** Kernels a step by provider. */
  readonly providers: Readonly<Record<string, number>>;
}

/** `webgpu` of `WebGpuExecutionProvider`. */
export const providerOf = (name: string): string => name.replace(/ExecutionProvider$/, '').toLowerCase();

/**
 * Sums up the last runs of a profile.
 *
 * @param events of a training session that has made at least `runs` runs
 * @param runs to count; those before them warm up
 * @param steps that these runs make together
 * @throws Error where the events show fewer runs
 */
export function summarize(events: readonly ProfileEvent[], runs: number, steps: number): Profile {
  const starts = events.filter(isRun).map(({ ts }) => ts);
  if (starts.length < runs || runs < 1)
    throw new Error(`the profile shows ${starts.length} runs, expected at least ${Math.max(runs, 1)}`);
  const start = starts.sort((a, b) => a - b).at(-runs)!;
  const measured = events.filter(({ ts }) => ts >= start);
  const perStep = (microseconds: number) => microseconds / 1000 / steps;

  const onHost = selfTimes(measured.filter((event) => isRun(event) || isExecutor(event) || isKernel(event)));
  const inEvents = (chosen: (event: ProfileEvent) => boolean) =>
    perStep(sum([...onHost].filter(([event]) => chosen(event)).map(([, time]) => time)));
  const programs = measured.filter(({ cat }) => cat === 'Api');
  const nodes = programs.length ? timedByDevice(onHost, programs) : timedByHost(onHost);
  const all = sum(nodes.map(({ time }) => time));

  const share = (name: string, members: readonly TimedNode[]): Share => {
    const time = sum(members.map((node) => node.time));
    return {
      name,
      milliseconds: perStep(time),
      share: all > 0 ? time / all : 0,
      count: sum(members.map(({ count }) => count)) / steps,
    };
  };
  const shares = (by: (node: TimedNode) => string, of = nodes) =>
    [...grouped(of, by)].map(([name, members]) => share(name, members)).sort(longestFirst);
  return {
    steps,
    clock: programs.length ? 'device' : 'host',
    milliseconds: perStep(sum(measured.filter(isRun).map(({ dur }) => dur))),
    kernels: inEvents(isKernel),
    executor: inEvents(isExecutor),
    outside: inEvents(isRun),
    programs: programs.length ? perStep(sum(programs.map(({ dur }) => dur))) : undefined,
    operators: shares(({ op }) => op),
    kinds: shares(({ kind }) => kind),
    nodes: nodes
      .map((node) => ({ ...share(node.name, [node]), op: node.op, provider: node.provider }))
      .sort(longestFirst),
    places: [...grouped(nodes, ({ place }) => place[0])]
      .map(([name, members]) => ({
        ...share(name, members),
        layers: shares(
          ({ place }) => place[1],
          members.filter(({ place }) => place[1] !== ''),
        ),
      }))
      .sort(longestFirst),
    providers: Object.fromEntries(
      [...grouped(nodes, ({ provider }) => provider)].map(([name, members]) => [
        name,
        share(name, members).count,
      ]),
    ),
  };
}

const kernelSuffix = '_kernel_time';
const isRun = ({ cat, name }: ProfileEvent) => cat === 'Session' && name === 'model_run';
const isExecutor = ({ cat, name }: ProfileEvent) => cat === 'Session' && name.endsWith('Executor::Execute');
const isKernel = ({ cat, name }: ProfileEvent) => cat === 'Node' && name.endsWith(kernelSuffix);

interface TimedNode {
  readonly name: string;
  readonly op: string;
  /** The operator and the shapes that it takes and gives. */
  readonly kind: string;
  readonly provider: string;
  /** Network or part, and layer or '' where it is in none. */
  readonly place: readonly [part: string, layer: string];
  /** Microseconds in all runs together. */
  time: number;
  /** Kernels in all runs together. */
  count: number;
}

/**
 * The time that each event has for itself: without that of the events within it. So a Loop, whose kernel contains those
 * of all its iterations, counts with what it does between them.
 */
function selfTimes(events: readonly ProfileEvent[]): Map<ProfileEvent, number> {
  const times = new Map<ProfileEvent, number>();
  const open: ProfileEvent[] = [];
  for (const event of [...events].sort((a, b) => a.ts - b.ts || b.dur - a.dur)) {
    while (open.length && event.ts >= end(open.at(-1)!)) open.pop();
    const parent = open.at(-1);
    // Ends are rounded, so an event may seem to outlast what it is in by a microsecond.
    if (parent) times.set(parent, Math.max(0, times.get(parent)! - event.dur));
    times.set(event, event.dur);
    open.push(event);
  }
  return times;
}

const end = ({ ts, dur }: ProfileEvent) => ts + dur;

function timedByHost(times: ReadonlyMap<ProfileEvent, number>): TimedNode[] {
  const nodes = new Map<string, TimedNode>();
  for (const [event, time] of times) {
    if (!isKernel(event)) continue;
    const name = event.name.slice(0, -kernelSuffix.length);
    let node = nodes.get(name);
    if (!node) {
      const { op_name: op = '', provider = '' } = event.args ?? {};
      node = {
        name,
        op,
        kind: kindOf(event),
        provider: providerOf(provider),
        place: placeOf(name),
        time: 0,
        count: 0,
      };
      nodes.set(name, node);
    }
    node.time += time;
    node.count++;
  }
  return [...nodes.values()];
}

/** Tensors of a side that are named; a Loop carries dozens. */
const shownTensors = 6;

/** Such as `Gemm [64,100] [100,512] [512] -> [64,512]`. */
function kindOf({ args = {} }: ProfileEvent): string {
  const { op_name: op = '', input_type_shape: inputs, output_type_shape: outputs } = args;
  if (!inputs || !outputs) return op;
  return [op, shapesOf(inputs), '->', shapesOf(outputs)].filter((part) => part !== '').join(' ');
}

/** Of tensors that are not float32 with their type. An optional input that is not given has no entry. */
function shapesOf(tensors: readonly TypeShape[]): string {
  const shapes = tensors
    .flatMap((tensor) => Object.entries(tensor))
    .map(([type, extents]) => `${type === 'float' ? '' : type}[${extents.join(',')}]`);
  const more = shapes.length - shownTensors;
  return (more > 0 ? [...shapes.slice(0, shownTensors), `(${more} more)`] : shapes).join(' ');
}

/** A node that the device has nothing to do for, such as a Reshape, takes no time. */
function timedByDevice(
  times: ReadonlyMap<ProfileEvent, number>,
  programs: readonly ProfileEvent[],
): TimedNode[] {
  const byNode = grouped(programs, ({ name }) => name.slice(0, name.indexOf('&')));
  return timedByHost(times).map((node) => ({
    ...node,
    time: sum((byNode.get(node.name) ?? []).map(({ dur }) => dur)),
  }));
}

/**
 * Nodes are named after their place and their operator, network/layer/.../Conv, with `gradient/` before it in the backward
 * pass. What onnxruntime has fused bears the name of its rule behind that.
 */
function placeOf(name: string): [part: string, layer: string] {
  const path = name.split('/');
  const places = path.slice(
    0,
    path.findIndex((part) => /^[A-Z]/.test(part)),
  );
  if (places.length === 0) return ['no place', ''];
  const depth = places[0] === 'gradient' && places.length > 1 ? 2 : 1;
  return [places.slice(0, depth).join('/'), places[depth] ?? ''];
}

function grouped<T>(items: readonly T[], by: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const key = by(item);
    const group = groups.get(key);
    if (group) group.push(item);
    else groups.set(key, [item]);
  }
  return groups;
}

const sum = (numbers: readonly number[]) => numbers.reduce((a, b) => a + b, 0);
const longestFirst = (a: Share, b: Share) => b.milliseconds - a.milliseconds || (a.name < b.name ? -1 : 1);
