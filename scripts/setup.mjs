// Brings a clone to the point where everything runs, doing only what is missing: dependencies, addon, packages.
// A step is done when a hash over the contents of its inputs is the one it left in .cache/setup.json.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import {
  addon,
  addonOptions,
  buildAddon,
  buildNativeTests,
  conformance,
  plans,
} from './build-addon.mjs';
import {
  cache,
  filesUnder,
  findNvcc,
  main,
  packageFolders,
  packageProgram,
  pnpm,
  root,
  runQuietly,
  StepError,
} from './workspace.mjs';

const stampPath = join(cache, 'setup.json');
const lockPath = join(cache, 'setup.lock');
const packagesWith = (path) => packageFolders().map((folder) => `${folder}/${path}`);

async function installDependencies() {
  const options = ['--frozen-lockfile', '--prefer-offline', '--prod=false'];
  await runQuietly('dependencies', ...pnpm('install', ...options), {
    env: { ...process.env, npm_config_loglevel: 'warn', CI: 'true' },
  });
}

/** How the names of what tsc writes end. */
const output = /\.(m?js|d\.m?ts)(\.map)?$/;

async function buildPackages() {
  await runQuietly('packages', process.execPath, [
    packageProgram('typescript', 'bin/tsc'),
    '--build',
    ...packageFolders(),
  ]);
  // tsc leaves the output of a deleted source, which would be packed.
  for (const folder of packageFolders()) {
    for (const path of filesUnder(`${folder}/dist`, output)) {
      const source = path.replace('/dist/', '/src/').replace(output, '');
      const exists = ['.ts', '.js', '.mjs'].some((end) => existsSync(join(root, source + end)));
      if (!exists) rmSync(join(root, path));
    }
  }
}

const nativeSources = (skip) =>
  ['native', 'cuda'].flatMap((folder) =>
    filesUnder(folder, /\.(cpp|h|cu|cuh|def|txt|cmake|map)$/, skip),
  );

const steps = [
  {
    name: 'dependencies',
    title: 'dependencies (pnpm)',
    inputs: () => [
      'package.json',
      'pnpm-lock.yaml',
      'pnpm-workspace.yaml',
      ...packagesWith('package.json'),
    ],
    outputs: () => ['node_modules/.modules.yaml'],
    run: installDependencies,
  },
  {
    name: 'addon',
    title: 'addon (cmake-js)',
    inputs: () => ['CMakeLists.txt', ...nativeSources(['native/tests'])],
    also: () => [findNvcc(), process.env.CXX, addonOptions()],
    outputs: () => [addon],
    run: () => buildAddon(),
  },
  {
    name: 'packages',
    title: 'packages (tsc)',
    inputs: () => [
      'tsconfig.base.json',
      ...packagesWith('tsconfig.json'),
      ...packageFolders().flatMap((folder) => filesUnder(`${folder}/src`, /\.(ts|m?js|json)$/)),
    ],
    outputs: () => packagesWith('dist/tsconfig.tsbuildinfo'),
    run: buildPackages,
  },
];

function fingerprint(step) {
  const hash = createHash('sha256');
  hash.update(JSON.stringify([process.platform, process.arch, step.also?.() ?? []]));
  for (const path of step.inputs()) {
    hash.update(`\0${path}\0`);
    if (existsSync(join(root, path))) hash.update(readFileSync(join(root, path)));
  }
  return hash.digest('hex');
}

function readStamps() {
  try {
    return JSON.parse(readFileSync(stampPath, 'utf8'));
  } catch {
    return {};
  }
}

function isDone(step) {
  return (
    readStamps()[step.name] === fingerprint(step) &&
    step.outputs().every((path) => existsSync(join(root, path)))
  );
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

// Two commands started at once must not build in the same folder; a dead holder's lock is taken over.
async function withLock(body) {
  mkdirSync(cache, { recursive: true });
  for (let told = false; ; ) {
    try {
      writeFileSync(lockPath, String(process.pid), { flag: 'wx' });
      break;
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
    }
    const holder = existsSync(lockPath) ? Number(readFileSync(lockPath, 'utf8')) : 0;
    if (holder > 0 && !isAlive(holder)) {
      rmSync(lockPath, { force: true });
      continue;
    }
    if (!told) process.stderr.write(`setup: waiting for process ${holder}, which is at it\n`);
    told = true;
    await sleep(200);
  }
  try {
    return await body();
  } finally {
    rmSync(lockPath, { force: true });
  }
}

async function runStep(step) {
  const before = fingerprint(step);
  const start = performance.now();
  process.stderr.write(`setup: ${step.title} … `);
  try {
    const notes = await step.run();
    const seconds = ((performance.now() - start) / 1000).toFixed(1);
    process.stderr.write([`${seconds} s`, ...(notes ?? [])].join('; ').concat('\n'));
  } catch (error) {
    process.stderr.write('failed\n');
    throw error;
  }
  writeFileSync(
    stampPath,
    `${JSON.stringify({ ...readStamps(), [step.name]: before }, null, 2)}\n`,
  );
}

const nativeTests = {
  name: 'native-tests',
  title: 'native tests (cmake)',
  inputs: () => ['CMakeLists.txt', ...nativeSources()],
  outputs: () => [conformance, plans],
  run: buildNativeTests,
};

/**
 * Does the steps that are missing; with `force`, lets cmake and tsc look at their parts again; with `tests`, builds the
 * native tests too.
 */
export async function setup({ force = false, tests = false } = {}) {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major < 20 || (major === 20 && minor < 19)) {
    throw new StepError(`Node 20.19 or later is needed; this is ${process.version}.`);
  }
  const wanted = tests ? [...steps, nativeTests] : steps;
  if (!force && wanted.every(isDone)) return;
  await withLock(async () => {
    for (const step of wanted) {
      if ((force && step.name !== 'dependencies') || !isDone(step)) await runStep(step);
    }
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await main(() => setup({ force: process.argv.includes('--force') }));
}
