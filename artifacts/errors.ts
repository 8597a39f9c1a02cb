/** Bad input from the user: a file, an option, a value. The CLI prints the message on one line and exits 2. */
export class InputError extends Error {
  override name = 'InputError';
}

/**
 * The first line of a message of onnxruntime, without the place in its source code, the condition there, and what its
 * web build puts in front.
 */
export const withoutPlace = (message: string): string =>
  message
    .split('\n', 1)[0]!
    .replace(/^.*? ERROR_MESSAGE: /, '')
    .replace(/^\S+\.(?:cc|h):\d+ .*? was false\. /, '')
    .trim();
