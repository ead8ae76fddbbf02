// `node scripts/run.mjs <program> [arguments]`: sets up what is missing, then runs a built program of this repository
// in this process, in the folder where the command was typed.
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { setup } from './setup.mjs';
import { callerDirectory, main, root } from './workspace.mjs';

await main(async () => {
  await setup();
  const [node, , program, ...args] = process.argv;
  const path = join(root, program);
  process.argv = [node, path, ...args];
  process.chdir(callerDirectory);
  await import(pathToFileURL(path).href);
});
