import { afterEach, expect, test, vi } from 'vitest';
import { underWay } from '../../cli/under-way.ts';

const { isTTY } = process.stderr;
afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
  Object.assign(process.stderr, { isTTY });
});

test('what a command is at is told now and then, or at once where it lasts; a terminal shows all', () => {
  vi.useFakeTimers();
  let written = '';
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    written += String(text);
    return true;
  });
  const told = (terminal: boolean) => {
    Object.assign(process.stderr, { isTTY: terminal });
    written = '';
    const tell = underWay();
    tell('part 1');
    vi.advanceTimersByTime(11_000);
    tell('part 2');
    tell('part 3');
    tell('minutes', true);
    tell('');
    return written;
  };
  expect(told(false)).toBe('part 2\nminutes\n');
  expect(told(true)).toBe(
    ['part 1', 'part 2', 'part 3', 'minutes', ''].map((text) => `\r\x1b[K${text}`).join(''),
  );
});
