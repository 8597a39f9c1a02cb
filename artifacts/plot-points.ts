import type { Picture } from './picture.ts';

// Runs in browsers too: no Node.

const size = 512;
/** Of a dot, in pixels. */
const radius = 2;
const background = 255;

type Colour = readonly [red: number, green: number, blue: number];
const referenceColour: Colour = [176, 176, 176];
const pointColour: Colour = [31, 91, 196];
/** Where dots lie on each other they grow darker. */
const opacity = 0.5;

/** What the plot shows: [low, high] of x and of y, of equal extent so that circles stay round. */
interface View {
  readonly x: number;
  readonly y: number;
  readonly extent: number;
}

/**
 * 2-D points as a scatter plot, 512 x 512, y upwards. With a reference (the real data, in grey) the view is that
 * of the reference, so that plots of one run compare; points outside of it are drawn on the edge.
 *
 * @param points [n, 2]; what is not finite is left out
 * @param options.reference [m, 2]
 */
export function plotPoints(
  points: Float32Array,
  { reference }: { readonly reference?: Float32Array } = {},
): Picture {
  for (const values of [points, reference])
    if (values && values.length % 2) throw new RangeError(`${values.length} coordinates must make pairs`);
  const view = viewOf(reference?.length ? reference : points);
  const pixels = new Uint8ClampedArray(size * size * 3).fill(background);
  if (reference) draw(pixels, reference, view, referenceColour);
  draw(pixels, points, view, pointColour);
  return { pixels, channels: 3, height: size, width: size };
}

/** All points, with an eighth of free space on each side. */
function viewOf(points: Float32Array): View {
  const low = [Infinity, Infinity];
  const high = [-Infinity, -Infinity];
  points.forEach((value, i) => {
    if (!Number.isFinite(value)) return;
    low[i % 2] = Math.min(low[i % 2]!, value);
    high[i % 2] = Math.max(high[i % 2]!, value);
  });
  const spans = [0, 1].map((axis) => Math.max(0, high[axis]! - low[axis]!));
  const extent = Math.max(...spans) * 1.25 || 1;
  const start = (axis: 0 | 1) => {
    const centre = (low[axis]! + high[axis]!) / 2;
    return (Number.isFinite(centre) ? centre : 0) - extent / 2;
  };
  return { x: start(0), y: start(1), extent };
}

function draw(pixels: Uint8ClampedArray, points: Float32Array, view: View, colour: Colour): void {
  const inside = (value: number) => Math.min(size - 1, Math.max(0, Math.round(value)));
  for (let i = 0; i < points.length; i += 2) {
    const x = ((points[i]! - view.x) / view.extent) * (size - 1);
    const y = ((points[i + 1]! - view.y) / view.extent) * (size - 1);
    if (Number.isFinite(x) && Number.isFinite(y)) dot(pixels, inside(x), inside(size - 1 - y), colour);
  }
}

function dot(pixels: Uint8ClampedArray, centreX: number, centreY: number, colour: Colour): void {
  for (let y = centreY - radius; y <= centreY + radius; y++)
    for (let x = centreX - radius; x <= centreX + radius; x++) {
      const outside = (x - centreX) ** 2 + (y - centreY) ** 2 > radius ** 2 + 1;
      if (outside || x < 0 || y < 0 || x >= size || y >= size) continue;
      const at = (y * size + x) * 3;
      for (let c = 0; c < 3; c++) pixels[at + c] = pixels[at + c]! * (1 - opacity) + colour[c]! * opacity;
    }
}
