/** Whether an error of onnxruntime, or of NVIDIA's libraries below it, is for want of memory, on the host or on a device. */
export const isOutOfMemory = (error: unknown): boolean =>
  error instanceof Error &&
  /failed to allocate memory|out of memory|bad_alloc|bad allocation|ALLOC(ATION)?_FAILED/i.test(
    error.message,
  );
