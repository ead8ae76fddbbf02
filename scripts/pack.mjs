// npm run pack: one tarball of every package that is published, in build/packs, with the prebuilt addon inside.
import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { prebuild } from './prebuild.mjs';
import { main, packageFolders, pnpm, root, runQuietly } from './workspace.mjs';

/** Packs everything; answers the tarballs' paths by package name. */
export async function pack() {
  await prebuild();
  const packs = join(root, 'build/packs');
  rmSync(packs, { recursive: true, force: true });
  mkdirSync(packs, { recursive: true });
  const tarballs = {};
  for (const folder of packageFolders()) {
    const { name, private: isPrivate } = JSON.parse(
      readFileSync(join(root, folder, 'package.json'), 'utf8'),
    );
    if (isPrivate) continue;
    const before = readdirSync(packs);
    await runQuietly('pack', ...pnpm('pack', '--pack-destination', packs), {
      cwd: join(root, folder),
    });
    tarballs[name] = join(
      packs,
      readdirSync(packs).find((file) => !before.includes(file)),
    );
  }
  return tarballs;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await main(async () => {
    for (const tarball of Object.values(await pack())) console.log(tarball);
  });
}
