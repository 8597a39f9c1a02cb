import js from '@eslint/js';
import tseslint from 'typescript-eslint';

/** Imports go one way: graph-builder <- artifacts <- training, inference <- cli, bench. */
const above = {
  'graph-builder': ['artifacts', 'training', 'inference', 'cli', 'bench'],
  artifacts: ['training', 'inference', 'cli', 'bench'],
  training: ['inference', 'cli', 'bench'],
  inference: ['training', 'cli', 'bench'],
};

export default tseslint.config(
  { ignores: ['dist/', 'examples/', 'node_modules/', 'runs/', 'coverage/'] },
  js.configs.recommended,
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked, tseslint.configs.stylisticTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      // Globals of browsers that are more often a variable one forgot to declare.
      'no-restricted-globals': ['error', 'close', 'event', 'length', 'name', 'open', 'status'],
      // Numbers in messages are what an error is for.
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true },
      ],
      // Arrays whose length was checked just above; noUncheckedIndexedAccess guards the rest.
      '@typescript-eslint/no-non-null-assertion': 'off',
    },
  },
  ...Object.entries(above).map(([folder, others]) => ({
    files: [`${folder}/**/*.ts`],
    rules: {
      'no-restricted-imports': [
        'error',
        {
          patterns: [
            {
              regex: `^(\\.\\./)+(${others.join('|')})/`,
              message: `${folder}/ imports nothing of ${others.join(', ')}.`,
            },
          ],
        },
      ],
    },
  })),
);
