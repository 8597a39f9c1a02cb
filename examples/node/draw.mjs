// node draw.mjs generator.onnx digits.png
import { writeFile } from 'node:fs/promises';
import { Generator } from 'ganx/inference';

const [source = 'generator.onnx', target = 'digits.png'] = process.argv.slice(2);

const generator = await Generator.load(source);
try {
  const samples = await generator.sample(16, { seed: 7 });
  await writeFile(target, await generator.toPng(samples));
  console.log(`${target}: ${samples.shape.join(' x ')}, recipe ${generator.metadata.recipe}`);
} finally {
  await generator.dispose();
}
