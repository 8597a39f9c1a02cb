import { z } from 'zod';
import { InputError } from '../../artifacts/errors.ts';
import { decodeSafetensors, encodeSafetensors } from '../../artifacts/safetensors.ts';
import { formatType } from '../../graph-builder/shape.ts';
import type { Tensor } from '../../graph-builder/types.ts';
import { loadDigitClassifier } from './digit-classifier.ts';
import type { DigitClassifier, Judgement } from './digit-classifier.ts';
import { digitState } from './digit-network.ts';

const count = z.number().int().min(0);
const recordSchema = z.object({
  /** Name of the data set. */
  data: z.string(),
  /** SHA-256 of its images and labels. */
  dataSha256: z.string(),
  seed: z.number().int(),
  steps: count,
  /** Digits it was trained on. */
  trainingDigits: count,
  /** Digits it was measured on, none of them among the former. */
  heldOutDigits: count,
  /** Share of the held-out digits, 0 to 1, of which it sees the right class. */
  heldOutAccuracy: z.number().min(0).max(1),
});

/** How a judge came about and how good it is. */
export type JudgeRecord = Readonly<z.infer<typeof recordSchema>>;

const format = 'ganx.digit-judge';
const formatVersion = '1';

/** A classifier of digits that has nothing to do with the GAN it judges. */
export class DigitJudge implements DigitClassifier {
  readonly record: JudgeRecord;
  readonly #weights: ReadonlyMap<string, Tensor>;
  readonly #classifier: DigitClassifier;

  /** @param classifier with these weights */
  constructor(record: JudgeRecord, weights: ReadonlyMap<string, Tensor>, classifier: DigitClassifier) {
    this.record = record;
    this.#weights = weights;
    this.#classifier = classifier;
  }

  /**
   * A judge from the bytes that {@link DigitJudge.encode} gave.
   *
   * @param source what messages call the file: its path
   * @throws InputError for a file that holds no such judge
   */
  static async decode(bytes: Uint8Array, source: string, threads = 1): Promise<DigitJudge> {
    const { tensors, metadata } = decodeSafetensors(bytes, source);
    if (metadata.format !== format || metadata.formatVersion !== formatVersion)
      throw new InputError(
        `${source}: format ${[metadata.format ?? 'none', metadata.formatVersion].join(' ').trim()}, expected ${format} ${formatVersion}`,
      );
    for (const spec of digitState().parameters) {
      const found = tensors.get(spec.name);
      const [is, expected] = [found && formatType(found), formatType(spec)];
      if (is !== expected)
        throw new InputError(`${source}: tensor ${spec.name} is ${is ?? 'missing'}, expected ${expected}`);
    }
    const record = readRecord(metadata.record ?? '', source);
    return new DigitJudge(record, tensors, await loadDigitClassifier(tensors, threads));
  }

  /** Weights and record as a safetensors file, so that a judge is trained only once. */
  encode(): Uint8Array {
    return encodeSafetensors(this.#weights, { format, formatVersion, record: JSON.stringify(this.record) });
  }

  classify(images: Float32Array): Promise<Judgement> {
    return this.#classifier.classify(images);
  }

  dispose(): Promise<void> {
    return this.#classifier.dispose();
  }
}

function readRecord(json: string, source: string): JudgeRecord {
  try {
    return recordSchema.parse(JSON.parse(json));
  } catch (cause) {
    throw new InputError(`${source}: its record of the training is damaged`, { cause });
  }
}
