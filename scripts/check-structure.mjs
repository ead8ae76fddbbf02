// The design's rules that a machine can check: which package and folder may use which, and what may be nowhere.
// `checkStructure` is pure: a tree (path -> text) goes in, sentences come out.
import { readdirSync, readFileSync } from 'node:fs';
import { basename, join, posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import { checkWords } from './check-words.mjs';
import { opsPage, opsPagePath } from './ops-page.mjs';
import { main, root } from './workspace.mjs';

/** package folder -> package folders it may import. `testing` and `benchmarks` may import all. */
const packageArrows = {
  graph: [],
  diffusion: [],
  models: ['graph'],
  native: [],
  runtime: ['graph', 'native'],
  tubelet: ['runtime', 'models', 'diffusion'],
  server: ['tubelet'],
  'model-sprites': [],
  cli: ['tubelet', 'server', 'model-sprites'],
  'ai-sdk': ['tubelet'],
};

/** These run without the addon and without Node: no other imports than their arrows. */
const purePackages = ['graph', 'diffusion', 'models'];

/** native folder -> native folders it may include. */
const nativeArrows = {
  ops: ['ops'],
  core: ['core', 'ops'],
  cpu: ['cpu', 'core', 'ops'],
  cuda: ['cuda', 'core', 'ops'],
  binding: ['binding', 'cpu', 'cuda', 'core', 'ops'],
  tests: ['tests', 'cpu', 'cuda', 'core', 'ops'],
};

const forbiddenNames = /^(utils?|common|misc|helpers?)$/i;
const numberedSurvivor = /[-_](old|new|copy|backup|bak|final|v\d+)$/i;
const codeFile = /\.(ts|mts|mjs|js|cpp|h|cu|cuh|py)$/;
const maxLines = 500;
const maxReadmeLines = 30;
const skippedFolders = /^(node_modules|build|dist|coverage|prebuilds|carry|\.git|\.cache)$/;

/** Reads the files of a repository that are ours, as a map from path to text. */
export function readTree(folder) {
  const tree = new Map();
  const visit = (relative) => {
    for (const entry of readdirSync(join(folder, relative), { withFileTypes: true })) {
      const path = posix.join(relative, entry.name);
      if (entry.isDirectory()) {
        if (!skippedFolders.test(entry.name)) visit(path);
      } else if (entry.isFile()) {
        const isText = codeFile.test(path) || /\.(def|json|md|txt|cmake)$/.test(path);
        tree.set(path, isText ? readFileSync(join(folder, path), 'utf8') : '');
      }
    }
  };
  visit('');
  return tree;
}

const withoutComments = (text) =>
  text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/(^|[^:'"])\/\/.*$/gm, '$1');

function importsOf(text) {
  const patterns = [
    /\b(?:import|export)\b[^'"`;]*?\bfrom\s*['"]([^'"]+)['"]/g,
    /\bimport\s*\(?\s*['"]([^'"]+)['"]/g,
    /\brequire\(\s*['"]([^'"]+)['"]/g,
  ];
  const code = withoutComments(text);
  return patterns.flatMap((pattern) => [...code.matchAll(pattern)].map((match) => match[1]));
}

// '@tubelet/graph' -> 'graph', 'tubelet' -> 'tubelet', a relative path -> the package folder it ends in.
function importedPackage(path, specifier) {
  if (specifier.startsWith('.')) {
    const target = posix.join(posix.dirname(path), specifier);
    return /^packages\/([^/]+)\//.exec(target)?.[1] ?? '..';
  }
  return /^@tubelet\/([^/]+)/.exec(specifier)?.[1] ?? /^(tubelet)(\/|$)/.exec(specifier)?.[1];
}

function* checkPackages(tree) {
  for (const [path, text] of tree) {
    const [, folder, place] = /^packages\/([^/]+)\/(src\/|package\.json$)/.exec(path) ?? [];
    const allowed = packageArrows[folder];
    if (!allowed) {
      if (place === 'package.json' && folder !== 'testing') {
        yield `${path}: the package is not in the arrows of scripts/check-structure.mjs`;
      }
      continue;
    }
    if (place === 'package.json') {
      for (const name of Object.keys(JSON.parse(text).dependencies ?? {})) {
        const target = importedPackage(path, name);
        if (target ? !allowed.includes(target) : purePackages.includes(folder)) {
          yield `${path}: ${folder} may not depend on ${name}`;
        }
      }
      continue;
    }
    if (!/\.m?ts$/.test(path)) continue;
    for (const specifier of importsOf(text)) {
      const target = importedPackage(path, specifier);
      if (target === folder && specifier.startsWith('.')) continue;
      if (target ? !allowed.includes(target) : purePackages.includes(folder)) {
        yield `${path}: ${folder} may not import ${specifier}`;
      }
    }
  }
}

const cudaHeader =
  /^(cuda(?!\/)|cublas|cudnn|curand|nvrtc|cute\/|cutlass|cub\/|mma\.h|cooperative_groups)/;

function* checkIncludes(tree) {
  for (const [path, text] of tree) {
    if (!/^(native|cuda)\/.*\.(cpp|h|cu|cuh)$/.test(path)) continue;
    const [top, folder] = path.split('/');
    for (const [, header] of withoutComments(text).matchAll(/^\s*#\s*include\s*["<]([^">]+)/gm)) {
      if (/^(napi|node_api|js_native_api)/.test(header) && !path.startsWith('native/binding/')) {
        yield `${path}: ${header} is included outside native/binding`;
      }
      if (top === 'native' && cudaHeader.test(header)) {
        yield `${path}: the CUDA header ${header} is included outside cuda/`;
      }
      const target = header.startsWith('.')
        ? posix.join(posix.dirname(path), header).split('/')[1]
        : header.split('/')[0];
      if (!(target in nativeArrows)) continue;
      if (top === 'native' && !nativeArrows[folder]?.includes(target)) {
        yield `${path}: native/${folder} may not include ${header}`;
      }
      if (top === 'cuda' && (folder === 'device' || !['ops', 'core'].includes(target))) {
        yield `${path}: cuda/${folder} may not include ${header}`;
      }
    }
  }
}

const forbiddenInKernels =
  /\b(getenv|malloc|calloc|realloc|std::(vector|string|map|mutex|lock_guard|thread|cout|cerr|make_unique)|f?printf|new\s+\w)/;

function* checkKernels(tree) {
  for (const [path, text] of tree) {
    if (!/^(native\/cpu|cuda)\/kernels\//.test(path)) continue;
    const found = forbiddenInKernels.exec(withoutComments(text).replace(/"[^"\n]*"/g, ''))?.[0];
    if (found)
      yield `${path}: a kernel does not allocate, lock, log or read the environment: ${found}`;
  }
}

function* checkOps(tree) {
  const table = tree.get('native/ops/ops.def');
  if (table === undefined) return;
  const rows = [...withoutComments(table).matchAll(/^\s*TUBELET_(OP|VIEW)\(\s*(\w+)/gm)];
  const stems = rows.map(([, , stem]) => stem);
  for (const [, kind, stem] of rows) {
    const files = [
      `native/ops/${stem}.h`,
      `native/ops/${stem}.cpp`,
      `packages/graph/src/ops/${stem}.ts`,
    ];
    if (kind === 'OP') {
      files.push(
        `native/ops/cases/${stem}.json`,
        `native/cpu/kernels/${stem}.cpp`,
        `native/tests/reference/${stem}.h`,
      );
    }
    for (const file of files) {
      if (!tree.has(file)) yield `${file}: missing, though ${stem} is in native/ops/ops.def`;
    }
  }
  // Several implementations of an op share its stem: linear.cpp, linear_amx.cpp.
  const belongs = (name) => stems.some((stem) => name === stem || name.startsWith(`${stem}_`));
  const places =
    /^(native\/ops\/cases\/.*\.json|native\/cpu\/kernels\/.*\.cpp|cuda\/kernels\/.*\.cu|packages\/graph\/src\/ops\/.*\.ts)$/;
  for (const path of tree.keys()) {
    const stem = basename(path).replace(/\.\w+$/, '');
    if (places.test(path) && stem !== 'index' && !belongs(stem)) {
      yield `${path}: no row of native/ops/ops.def has this stem`;
    }
  }
}

function* checkNames(tree) {
  for (const path of tree.keys()) {
    const parts = path.split('/').map((part) => part.replace(/\.[^/]*$/, ''));
    const forbidden = parts.find((part) => forbiddenNames.test(part));
    if (forbidden) yield `${path}: the name ${forbidden} says nothing`;
    if (numberedSurvivor.test(parts.at(-1)))
      yield `${path}: one version of a thing, named after it`;
  }
}

function* checkLength(tree) {
  for (const [path, text] of tree) {
    const lines = text.split('\n');
    if (!codeFile.test(path) || lines.length <= maxLines + 1) continue;
    if (!lines.slice(0, 10).some((line) => line.includes('Long file:'))) {
      yield `${path}: ${lines.length - 1} lines without a comment "Long file: <reason>" at the top`;
    }
  }
}

function* checkReadmes(tree) {
  const folders = new Set();
  for (const path of tree.keys()) {
    const [top, child, ...rest] = path.split('/');
    if (child && !top.startsWith('.')) folders.add(top);
    if (top === 'packages' && rest.length > 0) folders.add(`${top}/${child}`);
  }
  for (const folder of folders) {
    const text = tree.get(`${folder}/README.md`);
    const lines = text?.trimEnd().split('\n').length;
    if (text === undefined) yield `${folder}/README.md: missing`;
    else if (lines > maxReadmeLines)
      yield `${folder}/README.md: ${lines} lines, at most ${maxReadmeLines}`;
  }
}

function* checkOpsPage(tree) {
  if (!tree.has('native/ops/ops.def')) return;
  if (tree.get(opsPagePath) === opsPage((path) => tree.get(path))) return;
  yield `${opsPagePath}: not what the table says; run node scripts/ops-page.mjs`;
}

const rules = [
  checkPackages,
  checkIncludes,
  checkKernels,
  checkOps,
  checkNames,
  checkLength,
  checkReadmes,
  checkOpsPage,
  checkWords,
];

/** All problems of a tree, one sentence each, sorted by file. */
export function checkStructure(tree) {
  return rules.flatMap((rule) => [...rule(tree)]).sort();
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await main(() => {
    const problems = checkStructure(readTree(root));
    for (const problem of problems) console.error(problem);
    return problems.length > 0 ? 1 : 0;
  });
}
