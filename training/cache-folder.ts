import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';

/** Where ganx keeps, for this user, what can be made again. */
export const cacheFolder = (): string => join(userCacheFolder(), 'ganx');

function userCacheFolder(): string {
  const { XDG_CACHE_HOME = '', LOCALAPPDATA = '' } = process.env;
  if (process.platform === 'win32' && LOCALAPPDATA !== '') return LOCALAPPDATA;
  if (process.platform === 'darwin') return join(homedir(), 'Library', 'Caches');
  // An empty or relative one counts as none, says its specification.
  return isAbsolute(XDG_CACHE_HOME) ? XDG_CACHE_HOME : join(homedir(), '.cache');
}
