import { spawn } from 'node:child_process';

const openers: Partial<Record<NodeJS.Platform, readonly [command: string, ...args: string[]]>> = {
  darwin: ['open'],
  // `start` is a word of cmd; its first argument in quotes would be a title.
  win32: ['cmd', '/c', 'start', '""'],
};

/** Opens a page in the user's browser; where there is none, says so and goes on. */
export function openInBrowser(url: string): void {
  const [command, ...args] = openers[process.platform] ?? ['xdg-open'];
  spawn(command, [...args, url], { stdio: 'ignore', detached: true })
    .on('error', () => {
      process.stderr.write(`ganx: ${command} is not here to open ${url}\n`);
    })
    .unref();
}
