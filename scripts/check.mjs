// npm run check: biome, tsc over everything with its tests, clang-format, structure. npm run fix repairs what a tool can.
import { pathToFileURL } from 'node:url';
import { checkStructure, readTree } from './check-structure.mjs';
import { setup } from './setup.mjs';
import { filesUnder, main, packageProgram, root, runLoudly } from './workspace.mjs';

const node = (program, ...args) => runLoudly(process.execPath, [program, ...args]);

async function clangFormat(...options) {
  const files = ['native', 'cuda'].flatMap((folder) => filesUnder(folder, /\.(cpp|h|cu|cuh)$/));
  if (files.length === 0) return 0;
  const module = packageProgram('clang-format-node', 'build/index.js');
  const { clangFormatPath } = await import(pathToFileURL(module).href);
  return runLoudly(clangFormatPath, [...options, ...files]);
}

function structure() {
  const problems = checkStructure(readTree(root));
  for (const problem of problems) console.error(problem);
  return problems.length > 0 ? 1 : 0;
}

const biome = packageProgram('@biomejs/biome', 'bin/biome');
const tsc = packageProgram('typescript', 'bin/tsc');

const checks = [
  ['biome', () => node(biome, 'check', '--error-on-warnings', '.')],
  ['tsc', () => node(tsc, '--build', 'tsconfig.json', 'tsconfig.test.json')],
  ['clang-format', () => clangFormat('--dry-run', '-Werror')],
  ['structure', structure],
];

const fixes = [
  ['biome', () => node(biome, 'check', '--write', '.')],
  ['clang-format', () => clangFormat('-i')],
];

await main(async () => {
  await setup();
  const failed = [];
  for (const [name, run] of process.argv.includes('--fix') ? fixes : checks) {
    if ((await run()) !== 0) failed.push(name);
  }
  console.error(failed.length > 0 ? `failed: ${failed.join(', ')}` : 'nothing to complain about');
  return failed.length > 0 ? 1 : 0;
});
