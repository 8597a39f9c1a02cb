import { BaseSequencer } from 'vitest/node';
import type { TestSpecification } from 'vitest/node';

/** What takes longest, in that order. */
const longest = [
  'docs.test.ts',
  'parity/import.test.ts',
  'training/engine/webgpu.test.ts',
  'python/package.test.ts',
  'conformance/conformance.test.ts',
  'inference/playground/playground.test.ts',
  'training/failing-runs.test.ts',
  'training/metrics/digits.test.ts',
  'parity/pytorch.test.ts',
  'training/recipes.test.ts',
  'cli/inspect-training.test.ts',
  'training/resume.test.ts',
  'training/bad-input.test.ts',
  'cli/serve.test.ts',
  'training/train.test.ts',
];

/** Begins with the longest files, so that no worker is left with one at the end: Vitest knows them only where it has run before. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification) => {
      const at = longest.findIndex((path) => moduleId.endsWith(`/test/${path}`));
      return at < 0 ? longest.length : at;
    };
    return (await super.sort(files)).sort((a, b) => rank(a) - rank(b));
  }
}
