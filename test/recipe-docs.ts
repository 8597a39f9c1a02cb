import type { z } from 'zod';
import { kindDefaults, presets } from '../training/presets.ts';
import { recipeSchema } from '../training/recipe-schema.ts';

/** docs/recipes.md, from the schema and the presets: what it says cannot differ from what is checked. */
export function renderRecipes(): string {
  const names = Object.keys(presets);
  const rows = settingsOf(recipeSchema, []).map(({ path, text }) => {
    const values = names.map((name) => code(valueAt(presets[name], path)));
    return `| \`${path.join('.')}\` | ${text} | ${values.join(' | ')} |`;
  });
  return `# Recipes

A recipe is plain data. \`--recipe\` takes the name of a preset, or a JSON file with a whole recipe, with what differs from a preset, or of a run (its \`recipe.json\`, whose recipe is taken):

\`\`\`json
{ "extends": "dcgan", "network": { "filters": 64 }, "batch": 128 }
\`\`\`

\`--set path=value\` changes one setting; values are JSON or plain words. Settings are changed in the order given. Another \`kind\` starts from the defaults of that kind, whose settings can then be changed; an object changes what it names, as a file does:

| kind | starts from |
|---|---|
${kindDefaults
  .flatMap((kinds) => Object.entries(kinds))
  .map(([kind, settings]) => `| \`${kind}\` | ${code(settings)} |`)
  .join('\n')}

The preset \`mlp\` is one for points, with two latents. On images its networks are had by \`--set network.kind=mlp\`, with \`dcgan\`, \`klgan\` and \`acgan\`.

\`\`\`sh
npx ganx train --size 16 --set network.upsampling=pixelShuffle --set techniques.softLabels.fake=[0,0] --out runs/shuffle
npx ganx train --size 16 --set optimizer.discriminator.kind=sgd --set optimizer.discriminator.momentum=0.5 --out runs/sgd
npx ganx train --size 16 --set techniques.dropout.rate=0 --set emaDecay=0 --out runs/plain
\`\`\`

| setting | meaning | ${names.map((name) => `\`${name}\``).join(' | ')} |
|---|---|${names.map(() => '---|').join('')}
${rows.join('\n')}
`;
}

interface Setting {
  readonly path: readonly string[];
  readonly text: string;
}

/** The leaves of a schema; the alternatives of a union one after the other, each path once. */
function settingsOf(schema: z.core.$ZodType, path: readonly string[]): Setting[] {
  const { def } = schema._zod;
  if (def.type === 'object') {
    const { shape } = def as z.core.$ZodObjectDef;
    return Object.entries(shape).flatMap(([key, field]) => settingsOf(field, [...path, key]));
  }
  const whole = def.type === 'default' ? (def as z.core.$ZodDefaultDef).innerType : undefined;
  if (whole?._zod.def.type === 'object') return settingsOf(whole, path);
  if (def.type === 'pipe') return settingsOf((def as z.core.$ZodPipeDef).in, path);
  if (def.type === 'union') {
    const { options } = def as z.core.$ZodUnionDef;
    const all = options.flatMap((option) => settingsOf(option, path));
    const paths = [...new Set(all.map((setting) => setting.path.join('.')))];
    return paths.map((joined) => {
      const same = all.filter((setting) => setting.path.join('.') === joined);
      return { path: same[0]!.path, text: [...new Set(same.map(({ text }) => text))].join('; or ') };
    });
  }
  const choices = def.type === 'enum' ? Object.values((def as z.core.$ZodEnumDef).entries) : literal(def);
  const description = (schema as z.ZodType).description ?? '';
  const listed = choices.length ? `${choices.map((choice) => `\`${String(choice)}\``).join(', ')}: ` : '';
  return [{ path, text: `${listed}${description}` }];
}

const literal = (def: z.core.$ZodTypeDef): readonly unknown[] =>
  def.type === 'literal' ? (def as z.core.$ZodLiteralDef<never>).values : [];

function valueAt(value: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>((part, key) => (part as Record<string, unknown> | undefined)?.[key], value);
}

const code = (value: unknown) => (value === undefined ? '' : `\`${JSON.stringify(value)}\``);
