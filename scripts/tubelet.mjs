// The `tubelet` command from a clone: sets up what is missing, then runs packages/cli where the command was typed.
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { setup } from './setup.mjs';
import { callerDirectory, main, root } from './workspace.mjs';

await main(async () => {
  await setup();
  process.chdir(callerDirectory);
  const command = join(root, 'packages/cli/dist/main.js');
  process.argv[1] = command;
  await import(pathToFileURL(command).href);
});
