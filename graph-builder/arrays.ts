// Typed arrays on an ArrayBuffer of their own, which Blob, Response and WebCrypto take and a view of shared memory is
// not: `Float32Array<ArrayBuffer>`, in words that TypeScript before 5.7 knows too, where they have no parameter.

export type Floats = ReturnType<Float32Array['slice']>;
export type Ints = ReturnType<Int32Array['slice']>;
export type Bytes = ReturnType<Uint8Array['slice']>;
