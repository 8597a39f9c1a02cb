/** Requests that are under way at a time. */
const parallel = 32;
/** Share of the requests after which memory counts: caches and pools are filled by then. */
const warm = 0.2;

/** Malformed requests and what they are answered with. */
const malformed: readonly (readonly [init: RequestInit, status: number])[] = [
  [post('{"n":0}'), 400],
  [post('{"n":'), 400],
  [post('[]'), 400],
  [post('{"seed":"x"}'), 400],
  [post('n=1', 'text/plain'), 415],
  [post(`{"n":1}${' '.repeat(200_000)}`), 413],
  [{ method: 'PUT' }, 405],
];

function post(body: string, type = 'application/json'): RequestInit {
  return { method: 'POST', headers: { 'content-type': type }, body };
}

/**
 * Endurance: every hundredth request is malformed; each must be answered with its status, and memory must not grow.
 *
 * @returns a line for the user
 * @throws Error where a status is wrong
 */
export async function soak(url: string, requests: number): Promise<string> {
  const statuses = new Map<number, number>();
  const memory: number[] = [];
  let next = 0;
  const client = async () => {
    while (next < requests) {
      const i = next++;
      if (i % 1000 === 0) memory.push(await residentMiB(url));
      const wrong = i % 100 === 50 ? malformed[Math.floor(i / 100) % malformed.length] : undefined;
      const [init, expected] = wrong ?? [post(JSON.stringify({ n: 1 + (i % 4), seed: i })), 200];
      const response = await fetch(`${url}/v1/generate`, init);
      await response.arrayBuffer();
      if (response.status !== expected)
        throw new Error(
          `request ${i} (${String(init.method)}) was answered ${response.status}, not ${expected}`,
        );
      statuses.set(expected, (statuses.get(expected) ?? 0) + 1);
    }
  };
  await Promise.all(Array.from({ length: parallel }, client));
  memory.push(await residentMiB(url));
  const counts = [...statuses].sort(([a], [b]) => a - b).map(([status, count]) => `${count} x ${status}`);
  const settled = memory.slice(Math.floor(memory.length * warm));
  return `${requests} requests: ${counts.join(', ')}; memory of the server ${settled.map((mib) => mib.toFixed(0)).join(', ')} MiB`;
}

async function residentMiB(url: string): Promise<number> {
  const figures = await (await fetch(`${url}/metrics`)).text();
  return Number(/^process_resident_memory_bytes (.+)$/m.exec(figures)![1]) / 2 ** 20;
}
