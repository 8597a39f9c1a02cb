/**
 * Moves each image by whole pixels, at most `reach` along each axis, every offset equally likely; what comes in is 0,
 * the background of digits.
 *
 * @param images uint8 [n, size, size], changed in place
 * @param uniform gives numbers in [0, 1), two an image
 */
export function shiftImages(images: Uint8Array, size: number, reach: number, uniform: () => number): void {
  const offset = () => Math.floor(uniform() * (2 * reach + 1)) - reach;
  for (let start = 0; start < images.length; start += size * size) {
    const image = images.subarray(start, start + size * size);
    const source = image.slice();
    const [right, down] = [offset(), offset()];
    for (let y = 0; y < size; y++)
      for (let x = 0; x < size; x++) {
        const [fromX, fromY] = [x - right, y - down];
        const inside = fromX >= 0 && fromX < size && fromY >= 0 && fromY < size;
        image[y * size + x] = inside ? source[fromY * size + fromX]! : 0;
      }
  }
}
