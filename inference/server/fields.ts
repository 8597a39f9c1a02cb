import type { GeneratorMetadata } from '../../artifacts/metadata.ts';
import type { Label } from '../generator.ts';
import { listed } from '../labels.ts';
import type { Limits } from './limits.ts';

/** A field of a request's body: its JSON schema, and the rule that a refusal states. */
export interface Field {
  readonly schema: Readonly<Record<string, unknown>>;
  /** As in "n 0 must be <rule>". */
  readonly rule: string;
}

export type Fields = Readonly<Record<string, Field>>;

/** What both kinds of request say of the answer. */
export interface AnswerBody {
  readonly seed?: number;
  readonly format?: 'png' | 'json';
  readonly columns?: number;
}

export interface GenerateBody extends AnswerBody {
  /** Filled in by the schema. */
  readonly n: number;
  readonly label?: Label | readonly Label[];
  readonly truncation?: number;
}

export interface InterpolateBody extends AnswerBody {
  readonly a: number | readonly number[];
  readonly b: number | readonly number[];
  /** Filled in by the schema. */
  readonly frames: number;
  readonly label?: Label;
  readonly path?: 'great-circle' | 'line';
}

const int32 = { type: 'integer', minimum: -(2 ** 31), maximum: 2 ** 31 - 1 };
const int32Rule = 'an integer from -2147483648 to 2147483647';

/** The fields of `POST /v1/generate` for one generator: it has those that mean something to it. */
export function generateFields(metadata: GeneratorMetadata, { maxSamples }: Limits): Fields {
  return {
    n: count('Number of samples.', 1, maxSamples, 1),
    seed: {
      schema: { ...int32, default: 0, description: 'Draws the latents, and noise and dropout.' },
      rule: int32Rule,
    },
    ...labelField(metadata, maxSamples),
    ...(metadata.latent === 'normal' && {
      truncation: {
        schema: {
          type: 'number',
          exclusiveMinimum: 0,
          description:
            'Cut-off of the latents in standard deviations: less is more typical and less varied. Default: none.',
        },
        rule: 'a number > 0',
      },
    }),
    ...answerFields(metadata, maxSamples),
  };
}

/** The fields of `POST /v1/interpolate`. */
export function interpolateFields(metadata: GeneratorMetadata, { maxSamples }: Limits): Fields {
  return {
    a: endField('first', metadata),
    b: endField('last', metadata),
    frames: count('Number of frames, both ends included.', 2, maxSamples, Math.min(8, maxSamples)),
    seed: {
      schema: {
        ...int32,
        default: 0,
        description: 'Draws noise and dropout, which are the same in all frames.',
      },
      rule: int32Rule,
    },
    ...labelField(metadata, 0),
    path: choice('The way between the latents; the line is for comparison.', ['great-circle', 'line']),
    ...answerFields(metadata, maxSamples),
  };
}

export function bodySchema(fields: Fields, required: readonly string[] = []): Record<string, unknown> {
  return {
    type: 'object',
    additionalProperties: false,
    required,
    properties: Object.fromEntries(Object.entries(fields).map(([name, { schema }]) => [name, schema])),
  };
}

function count(description: string, minimum: number, maximum: number, standard: number): Field {
  return {
    schema: { type: 'integer', minimum, maximum, default: standard, description },
    rule: `an integer from ${minimum} to ${maximum}`,
  };
}

function choice(description: string, options: readonly string[]): Field {
  return {
    schema: { type: 'string', enum: options, default: options[0], description },
    rule: options.map((option) => JSON.stringify(option)).join(' or '),
  };
}

function endField(which: string, { zDim }: GeneratorMetadata): Field {
  return {
    schema: {
      description: `The ${which} latent: a seed of one, or its ${zDim} numbers.`,
      anyOf: [int32, { type: 'array', items: { type: 'number' }, minItems: zDim, maxItems: zDim }],
    },
    rule: `a seed (${int32Rule}) or ${zDim} numbers`,
  };
}

/** @param most labels that a list of them may have; 0 = one label for all */
function labelField({ conditional, classes }: GeneratorMetadata, most: number): Fields {
  if (!conditional) return {};
  const number = {
    type: 'integer',
    minimum: 0,
    ...(classes.length > 0 && { maximum: classes.length - 1 }),
  };
  const one = classes.length ? [number, { type: 'string', enum: classes }] : [number];
  const named = classes.length
    ? `a class: a number from 0 to ${classes.length - 1}, or one of ${listed(classes)}`
    : 'an integer >= 0';
  const anyOf = most ? [...one, { type: 'array', items: { anyOf: one }, minItems: 1, maxItems: most }] : one;
  return {
    label: {
      schema: {
        description: most
          ? 'Class of all samples, or a list of n. Default: the classes in turn.'
          : 'Class of all frames. Default: the first.',
        anyOf,
      },
      rule: most ? `${named}; or a list of n such` : named,
    },
  };
}

function answerFields({ kind }: GeneratorMetadata, maxSamples: number): Fields {
  return {
    format: choice(
      `png: ${kind === 'images' ? 'a grid of the images' : 'a plot of the points'}; json: the numbers.`,
      ['png', 'json'],
    ),
    ...(kind === 'images' && {
      columns: {
        schema: {
          type: 'integer',
          minimum: 1,
          maximum: maxSamples,
          description: 'Of the grid. Default: near-square; one row for up to 16 frames.',
        },
        rule: `an integer from 1 to ${maxSamples}`,
      },
    }),
  };
}
