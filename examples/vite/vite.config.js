/** @type {import('vite').UserConfig} */
export default {
  // In development Vite would move onnxruntime-web away from its .wasm files.
  optimizeDeps: { exclude: ['onnxruntime-web'] },
  build: { target: 'es2022' },
};
