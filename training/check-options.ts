import { inspect } from 'node:util';
import { z } from 'zod';
import { InputError } from '../artifacts/errors.ts';

export const text = z
  .custom<string>((value) => typeof value === 'string' && value !== '', 'must be a text that is not empty')
  .optional();
export const truth = z.boolean('must be true or false').optional();

/**
 * Checks the options of a function, which JavaScript lets through whatever they are.
 *
 * @param what the function is called
 * @throws InputError naming the first option that is unknown or cannot have its value, as the command line spells it
 */
export function checkOptions(what: string, schema: z.ZodObject, options: object): void {
  const result = schema.safeParse(options);
  if (!result.success) throw new InputError(describe(result.error.issues[0]!, what, schema, options));
}

function describe(issue: z.core.$ZodIssue, what: string, schema: z.ZodObject, options: object): string {
  if (issue.code === 'unrecognized_keys')
    return `${what}: option ${issue.keys[0]!} is unknown; expected one of ${Object.keys(schema.shape).join(', ')}`;
  const [name] = issue.path;
  if (name === undefined) return `${what}: options must be an object`;
  const value = (options as Record<PropertyKey, unknown>)[name];
  const shown =
    typeof value === 'string' ? JSON.stringify(value) : inspect(value, { depth: 0, breakLength: Infinity });
  return `${flag(String(name))}: ${shown} ${issue.message}`;
}

/** How the command line spells an option. */
const flag = (option: string) =>
  option === 'data' ? option : `--${option.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
