import { byId } from './dom.ts';
import type { Source } from './messages.ts';

/** The ways in which the page gets a model: served with it, chosen, or dropped. */
export function watchOpening(open: (source: Source) => void): void {
  const input = byId('file', 'input');
  byId('open', 'button').hidden = false;
  for (const id of ['open', 'choose'])
    byId(id, 'button').addEventListener('click', () => {
      input.click();
    });
  input.addEventListener('change', () => {
    const [file] = input.files ?? [];
    // The same file can be chosen again.
    input.value = '';
    if (file) open(file);
  });

  // Leaving a child is no leaving: only the count of both tells.
  let depth = 0;
  const show = (by: number) => {
    depth = by === 0 ? 0 : depth + by;
    byId('drop-here', 'div').hidden = depth === 0;
  };
  addEventListener('dragenter', (event) => {
    event.preventDefault();
    show(1);
  });
  addEventListener('dragleave', () => {
    show(-1);
  });
  addEventListener('dragover', (event) => {
    event.preventDefault();
  });
  addEventListener('drop', (event) => {
    event.preventDefault();
    show(0);
    const [file] = event.dataTransfer?.files ?? [];
    if (file) open(file);
  });
}

/** The generator.onnx beside the page, where there is one. */
export async function servedModel(): Promise<string | undefined> {
  const address = new URL('generator.onnx', document.baseURI).href;
  const response = await fetch(address, { method: 'HEAD' }).catch(() => undefined);
  // Some hosts answer every address with a page.
  const isModel = response?.ok === true && !response.headers.get('content-type')?.startsWith('text/html');
  return isModel ? address : undefined;
}
