/** Bad input from the user: a file, an option, a value. The CLI prints the message on one line and exits 2. */
export class InputError extends Error {
  override name = 'InputError';
}
