#!/usr/bin/env node
import { runCommand } from './run-command.js';

// npm hands a Ctrl-C on to us, who have had it from the terminal already: only a later one is a second one.
const secondFrom = 500;
const exitCodes = { SIGINT: 130, SIGTERM: 143 } as const;

const stop = new AbortController();
let stoppedAt = 0;
let stoppedWith: number | undefined;
for (const [signal, code] of Object.entries(exitCodes)) {
  process.on(signal, () => {
    if (stoppedWith === undefined) {
      stoppedAt = performance.now();
      stoppedWith = code;
      stop.abort();
    } else if (performance.now() - stoppedAt > secondFrom) process.exit(code);
  });
}

// The reader of a pipe may leave first (tubelet devices | head -1).
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
});

const code = await runCommand(process.argv.slice(2), {
  output: process.stdout,
  errors: process.stderr,
  signal: stop.signal,
});
process.exitCode = stoppedWith ?? code;
