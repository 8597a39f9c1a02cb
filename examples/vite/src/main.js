import { Generator } from 'ganx/inference';

const status = document.getElementById('status');
const canvas = document.getElementById('digits');
const slider = document.getElementById('position');

try {
  const generator = await Generator.load('/generator.onnx');
  const { device, reason } = generator.backend;

  generator.draw(canvas, await generator.sample(16, { seed: 7 }));
  status.textContent = `16 digits, on ${device}${reason ? ` (${reason})` : ''}`;

  // The way from one latent to another, a frame for each place of the slider.
  const path = await generator.interpolate(1, 2, 16);
  const [frames, ...shape] = path.shape;
  const size = path.data.length / frames;
  slider.addEventListener('input', () => {
    const start = slider.valueAsNumber * size;
    generator.draw(canvas, { data: path.data.slice(start, start + size), shape: [1, ...shape] });
  });
  slider.disabled = false;
} catch (error) {
  status.textContent = `Failed: ${error.message}`;
}
