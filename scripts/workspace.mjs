// What every script needs: where things are, the caller's folder, quiet child processes.
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The repository's root folder. */
export const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** Private folder for stamps and logs; survives a deleted build folder. */
export const cache = join(root, '.cache');

/** The folder the command was typed in: npm moves to the root and leaves it in INIT_CWD. */
export const callerDirectory =
  process.env.npm_package_json === join(root, 'package.json') && process.env.INIT_CWD
    ? process.env.INIT_CWD
    : process.cwd();

/** Folders of the workspace's packages, relative to the root, sorted. */
export function packageFolders() {
  const folders = readdirSync(join(root, 'packages')).map((name) => `packages/${name}`);
  return [...folders, 'benchmarks']
    .filter((folder) => existsSync(join(root, folder, 'package.json')))
    .sort();
}

/** Files under `folder` (relative to the root) whose names match, sorted; none if it does not exist. */
export function filesUnder(folder, pattern, skip = []) {
  const found = [];
  const visit = (relative) => {
    for (const entry of readdirSync(join(root, relative), { withFileTypes: true })) {
      const path = `${relative}/${entry.name}`;
      if (entry.name === 'node_modules' || skip.includes(path)) continue;
      if (entry.isDirectory()) visit(path);
      else if (pattern.test(entry.name)) found.push(path);
    }
  };
  if (existsSync(join(root, folder))) visit(folder);
  return found.sort();
}

/** Path of a program on PATH or in `more` folders, or undefined. */
export function findProgram(name, more = []) {
  const folders = [...more, ...(process.env.PATH ?? '').split(delimiter)].filter(Boolean);
  const names = process.platform === 'win32' ? [`${name}.exe`, `${name}.cmd`] : [name];
  return folders.flatMap((folder) => names.map((n) => join(folder, n))).find(existsSync);
}

/** nvcc's path, or undefined; the places CMakeLists.txt looks in too. */
export function findNvcc() {
  const homes = [process.env.CUDA_HOME, '/usr/local/cuda'].filter(Boolean);
  return findProgram(
    'nvcc',
    homes.map((home) => join(home, 'bin')),
  );
}

/** A step failed in a way the user must read: `message` for the terminal, no stack. */
export class StepError extends Error {}

/**
 * Runs a program with its output kept in .cache/logs/<name>.log; a StepError with the log's tail when it fails.
 * Resolves with the whole output.
 */
export function runQuietly(name, command, args, { env = process.env, cwd = root } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
    const chunks = [];
    child.stdout.on('data', (chunk) => chunks.push(chunk));
    child.stderr.on('data', (chunk) => chunks.push(chunk));
    child.on('error', (error) => reject(new StepError(`${command}: ${error.message}`)));
    child.on('close', (code, signal) => {
      const output = Buffer.concat(chunks).toString();
      if (code === 0) return resolve(output);
      mkdirSync(join(cache, 'logs'), { recursive: true });
      const log = join(cache, 'logs', `${name}.log`);
      writeFileSync(log, `$ ${[command, ...args].join(' ')}\n${output}`);
      const tail = output.trimEnd().split('\n').slice(-30).join('\n');
      reject(new StepError(`${tail}\n\n${name} failed (${signal ?? code}); the whole log: ${log}`));
    });
  });
}

/** Runs a program on our own terminal; resolves with its exit code (1 for a signal). */
export function runLoudly(command, args, { env = process.env, cwd = root } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd, env, stdio: 'inherit' });
    child.on('error', (error) => reject(new StepError(`${command}: ${error.message}`)));
    child.on('close', (code) => resolve(code ?? 1));
  });
}

/** The program of an installed package: `binary('typescript', 'bin/tsc')`, run by our own Node. */
export function packageProgram(name, path) {
  return join(root, 'node_modules', name, path);
}

/** Command and arguments that run the workspace's pnpm: a fresh machine has npm and no pnpm. */
export function pnpm(...args) {
  const { packageManager } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  return [process.platform === 'win32' ? 'npx.cmd' : 'npx', ['--yes', packageManager, ...args]];
}

/**
 * Runs a script's body, which may answer an exit code; a StepError is told without its stack, and the code is 1.
 */
export async function main(body) {
  try {
    process.exitCode = (await body()) ?? process.exitCode ?? 0;
  } catch (error) {
    console.error(error instanceof StepError ? error.message : error);
    process.exitCode = 1;
  }
}
