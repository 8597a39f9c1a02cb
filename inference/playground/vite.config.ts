import { defineConfig } from 'vite';

export default defineConfig({
  // Relative addresses: the page works in any folder of any file host.
  base: './',
  build: { outDir: '../../dist/playground', emptyOutDir: true, target: 'es2022', modulePreload: false },
  worker: { format: 'es' },
  // The megabytes of wasm stay where they are installed, and are served beside the page as ort/.
  resolve: { conditions: ['onnxruntime-web-use-extern-wasm', 'import', 'module', 'browser', 'default'] },
});
