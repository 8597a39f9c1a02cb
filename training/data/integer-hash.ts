/**
 * Mixes integers into one well-spread unsigned 32-bit integer (MurmurHash3's mixing steps).
 * The same words give the same value on every machine. Words may be any safe integers.
 */
export function hashIntegers(...words: number[]): number {
  let hash = 0x9e3779b9;
  for (const word of words) {
    hash = mix(hash ^ mix(word | 0));
    // `| 0` keeps the low 32 bits only: the rest of a large integer is mixed in as well.
    hash = mix((hash + Math.floor(word / 2 ** 32)) | 0);
  }
  return hash >>> 0;
}

function mix(value: number): number {
  let v = (value + 0x6d2b79f5) | 0;
  v = Math.imul(v ^ (v >>> 16), 0x85ebca6b);
  v = Math.imul(v ^ (v >>> 13), 0xc2b2ae35);
  return v ^ (v >>> 16);
}

/** A stream of uniform numbers in [0, 1), 32 bits each, that depends on nothing but `key` (any integers). */
export function uniformStream(...key: number[]): () => number {
  const start = hashIntegers(...key);
  const step = hashIntegers(start, 1) | 1;
  let state = start;
  return () => {
    state = (state + step) | 0;
    return (mix(state) >>> 0) / 2 ** 32;
  };
}
