import { Generator } from '../browser.ts';
import type { Answer, Question } from './messages.ts';

/** The generator of the page, in a thread of its own so that the page stays alive while it draws. */
let generator: Generator | undefined;

const answer = (message: Answer, transfer: Transferable[] = []) => {
  self.postMessage(message, { transfer });
};

self.addEventListener('message', ({ data }: MessageEvent<Question>) => {
  void reply(data).catch((error: unknown) => {
    answer({ problem: (error as Error).message });
  });
});

async function reply(question: Question): Promise<void> {
  if ('load' in question) {
    const { load, device, wasmPaths } = question;
    generator = await Generator.load(load, {
      device,
      wasmPaths,
      onProgress: (progress) => {
        answer({ progress });
      },
    });
    const { metadata, backend } = generator;
    answer({ loaded: { metadata, backend } });
    return;
  }
  const start = performance.now();
  const samples = await generator!.sample(question.sample, question.options);
  const milliseconds = performance.now() - start;
  answer({ drawn: { ...samples, milliseconds } }, [samples.data.buffer]);
}
