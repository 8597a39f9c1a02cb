import { constants } from 'node:os';

// A program of its own: `node load-libraries.js libcublas.so.13 ...`. Asks the system's loader for each library, and
// prints what it answers: a JSON object of name -> its words, null where the library is there. A library that crashes
// where it is loaded takes only this process with it.

/** Kept in memory (RTLD_NODELETE), because the next may need it. */
const flags = constants.dlopen.RTLD_LAZY | 0x1000;

const answers: Record<string, string | null> = {};
for (const name of process.argv.slice(2)) {
  try {
    process.dlopen({ exports: {} }, name, flags);
    answers[name] = null;
  } catch (error) {
    const [words = ''] = (error as Error).message.split('\n');
    // It was loaded, and is no module of Node.
    answers[name] = words.startsWith('Module did not self-register') ? null : words;
  }
}
process.stdout.write(JSON.stringify(answers));
