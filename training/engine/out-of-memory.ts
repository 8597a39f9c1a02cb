/** Whether an error of onnxruntime is for want of memory, on the host or on a device. */
export const isOutOfMemory = (error: unknown): boolean =>
  error instanceof Error &&
  /failed to allocate memory|out of memory|bad_alloc|bad allocation/i.test(error.message);
