// node scripts/carry.mjs [FAMILY…]: what gpu-check.sh needs of a machine that has a GPU but no Node, in carry/node.tar.xz: this
// node, the built packages and benchmarks, and the dependencies that they import. Of the goldens, the families named.
import { execFileSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  realpathSync,
  rmSync,
  statSync,
} from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { main, packageFolders, root, StepError } from './workspace.mjs';

const carry = join(root, 'carry');
const store = join(root, 'node_modules/.pnpm');
/** Headers for the addon; the packages import the rest. */
const rootDependencies = ['node-addon-api', 'node-api-headers'];

/** Links below a node_modules folder, scopes included. */
function linksIn(folder) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder).flatMap((name) => {
    const path = join(folder, name);
    if (name.startsWith('.')) return [];
    return name.startsWith('@') && !lstatSync(path).isSymbolicLink() ? linksIn(path) : [path];
  });
}

/** The links, and the folders of pnpm's store that they lead to, as paths from the root. */
function closureOf(links) {
  const found = new Set(links);
  const visit = (link) => {
    const target = realpathSync(link);
    if (!target.startsWith(store)) return;
    const folder = join(store, relative(store, target).split('/')[0]);
    if (found.has(folder)) return;
    found.add(folder);
    for (const inner of linksIn(join(folder, 'node_modules'))) visit(inner);
  };
  for (const link of links) visit(link);
  return [...found].map((path) => relative(root, path));
}

await main(async () => {
  const goldens = process.env.TUBELET_GOLDENS ?? resolve(root, '../shared/goldens');
  const families = process.argv.slice(2);
  for (const family of families) {
    if (!existsSync(join(goldens, family))) {
      throw new StepError(`${join(goldens, family)} is not there`);
    }
  }
  const folders = packageFolders();
  const built = folders
    .map((folder) => `${folder}/dist`)
    .filter((path) => existsSync(join(root, path)));
  rmSync(carry, { recursive: true, force: true });
  mkdirSync(join(carry, 'bin'), { recursive: true });
  copyFileSync(process.execPath, join(carry, 'bin/node'));
  execFileSync('strip', [join(carry, 'bin/node')]);
  const links = [
    ...folders.flatMap((folder) => linksIn(join(root, folder, 'node_modules'))),
    ...rootDependencies.map((name) => join(root, 'node_modules', name)),
  ];
  const paths = ['carry/bin/node', ...built, ...closureOf(links)];
  const archive = join(carry, 'node.tar.xz');
  const options = ['--exclude=*.map', '--exclude=*.d.ts', '--exclude=*.tsbuildinfo'];
  execFileSync('tar', ['-C', root, ...options, '-cJf', archive, ...paths]);
  rmSync(join(carry, 'bin'), { recursive: true });
  if (families.length > 0) {
    execFileSync('tar', ['-C', goldens, '-cJf', join(carry, 'goldens.tar.xz'), ...families]);
  }
  for (const name of readdirSync(carry)) {
    console.log(`carry/${name}: ${(statSync(join(carry, name)).size / 1e6).toFixed(1)} MB`);
  }
});
