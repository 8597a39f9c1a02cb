import { chromiumLacks, launchChromium, openPage } from '../browser/chromium.ts';
import { libraryFolders, libraryPage, serveSite } from '../browser/site.ts';
import type { Call, RuntimeUnderTest } from './peer.ts';

interface Settings {
  readonly device: 'wasm' | 'webgpu';
  readonly threads?: number;
}

/** Runs in the page: loads the model of the site, makes the calls. */
const drawing = `async ({ settings, calls }) => {
  const { Generator } = await import('ganx/inference');
  const generator = await Generator.load('/generator.onnx', settings);
  const results = [];
  for (const { n, z, ...options } of calls) {
    const { data } = await generator.sample(n, z ? { ...options, z: Float32Array.from(z) } : options);
    results.push([...data]);
  }
  await generator.dispose();
  return { backend: generator.backend, results };
}`;

export const browser = (name: string, settings: Settings): RuntimeUnderTest => ({
  name: `Chromium, ${name}`,
  lacks: chromiumLacks,
  open: async () => {
    const files: Record<string, string | Uint8Array> = { '/index.html': libraryPage };
    const isolated = (settings.threads ?? 1) > 1;
    const site = await serveSite({ folders: libraryFolders, files, isolated });
    const chromium = await launchChromium({ webgpu: settings.device === 'webgpu' });
    const { page } = await openPage(chromium, `${site.url}/`);
    return {
      draw: async (model, optimization, calls: readonly Call[]) => {
        files['/generator.onnx'] = model;
        const argument = JSON.stringify({ settings: { ...settings, optimization }, calls });
        const { backend, results } = await page.evaluate<{ backend: object; results: number[][] }>(
          `(${drawing})(${argument})`,
        );
        // Not a fallback in disguise.
        if (
          JSON.stringify({ ...settings, ...backend, reason: 0 }) !==
          JSON.stringify({ ...settings, reason: 0 })
        )
          throw new Error(`asked for ${JSON.stringify(settings)}, got ${JSON.stringify(backend)}`);
        return results.map((values) => Float32Array.from(values));
      },
      close: async () => {
        await chromium.close();
        await site.close();
      },
    };
  },
});
