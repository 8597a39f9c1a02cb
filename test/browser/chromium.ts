import { existsSync } from 'node:fs';
import { chromium } from 'playwright-core';
import type { Browser, Page } from 'playwright-core';

/** Where Debian, Ubuntu, Fedora and macOS have a Chromium or Chrome; CHROMIUM names another. */
const places = [
  process.env.CHROMIUM,
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
];
const executable = places.find((path) => path !== undefined && existsSync(path));

/** Why no browser can be asked, or undefined where one can. */
export const chromiumLacks =
  executable === undefined ? 'no Chromium is here; CHROMIUM can name one' : undefined;

/** WebGPU on the processor, by SwiftShader: slow, and the same on every machine. */
const softwareWebgpu = [
  '--enable-unsafe-webgpu',
  '--use-webgpu-adapter=swiftshader',
  '--enable-features=Vulkan',
];

export function launchChromium({ webgpu = false } = {}): Promise<Browser> {
  if (executable === undefined) throw new Error(chromiumLacks);
  // A container's root cannot have the sandbox.
  const args = ['--no-sandbox', ...(webgpu ? softwareWebgpu : [])];
  return chromium.launch({ executablePath: executable, args });
}

/** Opens an address; what the page says wrong there ends the test that asks for `errors`. */
export async function openPage(browser: Browser, url: string): Promise<{ page: Page; errors: string[] }> {
  const page = await browser.newPage();
  const errors: string[] = [];
  page.on('pageerror', (error) => errors.push(error.message));
  page.on('console', (message) => {
    if (message.type() === 'error') errors.push(message.text());
  });
  await page.goto(url);
  return { page, errors };
}
