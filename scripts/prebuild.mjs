// Builds the addon for publishing and puts it where node-gyp-build looks: packages/native/prebuilds/<platform>-<arch>/.
// prebuildify works in a folder of its own, so that the clone's build/Release stays as it is.
import { cpSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { setup } from './setup.mjs';
import { cache, main, root } from './workspace.mjs';

/** Builds and places the prebuilt addon; answers its path. */
export async function prebuild() {
  await setup();
  const prebuildify = createRequire(import.meta.url)('prebuildify');
  const staging = join(cache, 'prebuild');
  rmSync(join(staging, 'prebuilds'), { recursive: true, force: true });
  mkdirSync(staging, { recursive: true });
  await promisify(prebuildify)({
    cwd: staging,
    name: 'tubelet',
    napi: true,
    targets: [process.versions.node],
    strip: true,
    tagLibc: true,
    nodeGyp: join(root, 'scripts/node-gyp.mjs'),
  });
  const target = join(root, 'packages/native/prebuilds');
  rmSync(target, { recursive: true, force: true });
  cpSync(join(staging, 'prebuilds'), target, { recursive: true });
  const file = readdirSync(target, { recursive: true }).find((path) => path.endsWith('.node'));
  return join(target, file);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await main(async () => console.log(await prebuild()));
}
