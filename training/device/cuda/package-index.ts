import { InputError } from '../../../artifacts/errors.ts';
import { ask, isAddress, shown } from './download.ts';

/** A file of a package index. */
export interface Wheel {
  readonly address: string;
  readonly sha256: string | undefined;
}

/** pip's own default. */
const defaultIndex = 'https://pypi.org/simple';

export const indexAddress = (given: string | undefined): string =>
  given ?? (process.env.PIP_INDEX_URL === '' ? undefined : process.env.PIP_INDEX_URL) ?? defaultIndex;

/**
 * Finds onnxruntime-gpu of a version in an index as pip reads it: PyPI, or any mirror of it.
 *
 * @throws InputError where the index cannot be read or has no such wheel
 */
export async function findWheel(index: string, version: string, signal?: AbortSignal): Promise<Wheel> {
  if (!isAddress(index))
    throw new InputError(
      `--index-url: "${index}" is no address of a package index; expected one such as ${defaultIndex}`,
    );
  const page = new URL('onnxruntime-gpu/', index.endsWith('/') ? index : `${index}/`);
  const accept = 'application/vnd.pypi.simple.v1+json, text/html;q=0.5';
  const response = await ask(page.href, { accept }, signal);
  const isJson = response.headers.get('content-type')?.includes('json') ?? false;
  const files = isJson ? filesOfJson(await response.json()) : filesOfHtml(await response.text());

  const usable = files.filter(({ name }) => /^onnxruntime_gpu-.*manylinux.*_x86_64\.whl$/.test(name));
  // Any Python's: its libraries are the same.
  const wheel = usable.find(({ name }) => name.split('-')[1] === version);
  if (wheel) {
    const address = new URL(wheel.href, response.url || page.href);
    // The mirror's login is not part of its links.
    if (address.host === page.host) [address.username, address.password] = [page.username, page.password];
    return { address: address.href, sha256: wheel.sha256 };
  }
  const versions = [...new Set(usable.map(({ name }) => name.split('-')[1]!))];
  const others = versions.length
    ? `only ${versions.slice(-5).join(', ')}`
    : 'no wheel of it for Linux at all';
  throw new InputError(`${shown(page.href)}: has no onnxruntime-gpu ${version} for Linux on x64, ${others}`);
}

interface IndexFile {
  readonly name: string;
  readonly href: string;
  readonly sha256: string | undefined;
}

function filesOfJson(page: unknown): IndexFile[] {
  const { files = [] } = page as {
    files?: { filename: string; url: string; hashes?: { sha256?: string } }[];
  };
  return files.map(({ filename, url, hashes }) => ({ name: filename, href: url, sha256: hashes?.sha256 }));
}

function filesOfHtml(page: string): IndexFile[] {
  return [...page.matchAll(/<a\b[^>]*?\bhref\s*=\s*["']([^"']+)["'][^>]*>\s*([^<]+?)\s*<\/a>/gi)].map(
    ([, href, name]) => {
      const [address = '', fragment = ''] = href!.replaceAll('&amp;', '&').split('#');
      return { name: name!, href: address, sha256: /^sha256=([0-9a-f]{64})$/.exec(fragment)?.[1] };
    },
  );
}
