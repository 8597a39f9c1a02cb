import { buildProgram } from '../graph-builder/program.ts';
import { cases } from './cases.ts';
import { compareSides, tookPart } from './compare.ts';
import { Contestant } from './contestant.ts';
import { flopsOfProduct, heaviestProduct } from './flops.ts';
import type { Product } from './flops.ts';
import type { BenchOptions } from './options.ts';
import { beside, flags, pythonScript } from './processes.ts';

/** GFLOP/s of a single matrix product: what a step could reach if it did nothing else. */
export interface GemmRate {
  readonly product: Product;
  /** By the name that the sides of a comparison begin with. */
  readonly rates: Readonly<Record<string, number>>;
}

/** The heaviest convolution of a DCGAN-64 step as one product: large enough for the full rate of any machine's cores. */
export function gemmProduct(): Product {
  const { recipe, sample } = cases.find(({ name }) => name === 'dcgan64-f64-b64-rgb')!;
  return heaviestProduct(buildProgram(recipe, sample).stepGraph());
}

export async function gemmRate({
  threads,
  rounds,
  seconds,
  device,
  tf32,
  pytorch,
}: BenchOptions): Promise<GemmRate> {
  const product = gemmProduct();
  const { m, k, n } = product;
  const args = flags({ m, k, n, threads, seconds, device });
  const { sides } = await compareSides(
    [
      { name: 'ganx', start: () => new Contestant(process.execPath, [beside('gemm-process.js'), ...args]) },
      ...(pytorch
        ? [
            {
              name: 'PyTorch',
              start: () =>
                new Contestant('python3', [pythonScript('pytorch_gemm.py'), ...args, ...flags({ tf32 })]),
            },
          ]
        : []),
    ],
    rounds,
  );
  const rates = Object.entries(sides).flatMap(([name, side]) =>
    tookPart(side) ? [[name, flopsOfProduct(product) / side.medianMs / 1e6] as const] : [],
  );
  return { product, rates: Object.fromEntries(rates) };
}

/** One line above a table. */
export function describeRate({ product: { m, k, n }, rates }: GemmRate): string {
  const figures = Object.entries(rates).map(
    ([name, rate]) => `${name === 'ganx' ? 'onnxruntime' : name} ${rate.toFixed(0)}`,
  );
  return `Gemm [${m}, ${k}] x [${k}, ${n}]: ${figures.join(', ')} GFLOP/s`;
}
