// Builds build/Release/tubelet.node through cmake-js, and the native tests beside it.
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { findProgram, packageProgram, root, runQuietly, StepError } from './workspace.mjs';

/** Where the addon ends, relative to the root. */
export const addon = 'build/Release/tubelet.node';

/** CMake options that the environment may set under their own names, with their values now. */
export function addonOptions() {
  return {
    TUBELET_CUDA: process.env.TUBELET_CUDA || 'AUTO',
    TUBELET_CUDA_ARCHITECTURES: process.env.TUBELET_CUDA_ARCHITECTURES ?? '',
  };
}

function requirePrograms() {
  const missing = [
    ...(findProgram('cmake') ? [] : ['cmake']),
    ...([process.env.CXX, 'c++', 'g++', 'clang++'].some((name) => name && findProgram(name))
      ? []
      : ['a C++20 compiler (g++ or clang++)']),
    ...(findProgram('ninja') || findProgram('make') ? [] : ['make or ninja']),
  ];
  if (missing.length > 0) {
    throw new StepError(
      `The addon is compiled on this machine, and ${missing.join(', ')} was not found on PATH.\n` +
        'On Debian and Ubuntu: apt-get install g++ cmake make',
    );
  }
}

// A build folder made by another generator or in another place cannot be continued.
function forgetForeignCache() {
  const cachePath = join(root, 'build/CMakeCache.txt');
  if (!existsSync(cachePath)) return;
  const text = readFileSync(cachePath, 'utf8');
  const generator = findProgram('ninja') ? 'Ninja' : 'Unix Makefiles';
  const same =
    text.includes(`CMAKE_HOME_DIRECTORY:INTERNAL=${root}\n`) &&
    (process.platform === 'win32' || text.includes(`CMAKE_GENERATOR:INTERNAL=${generator}\n`));
  if (same) return;
  rmSync(cachePath);
  rmSync(join(root, 'build/CMakeFiles'), { recursive: true, force: true });
}

/** Configures and builds; answers what CMake said about optional parts. */
export async function buildAddon() {
  requirePrograms();
  forgetForeignCache();
  const cmakeJs = packageProgram('cmake-js', 'bin/cmake-js');
  const cmake = (name, ...args) =>
    runQuietly(name, process.execPath, [cmakeJs, ...args, '--directory', root]);
  // Always all options: CMake remembers the last value. `build` alone ignores options once a build folder exists.
  const options = Object.entries(addonOptions()).map(([name, value]) => `--CD${name}=${value}`);
  const configured = await cmake('configure', 'configure', ...options);
  await cmake('addon', 'build', '--parallel', String(availableParallelism()));
  if (!existsSync(join(root, addon))) throw new StepError(`The build left no ${addon}.`);
  return [...configured.matchAll(/^-- (tubelet: .*)$/gm)].map((match) => match[1]);
}

/** The programs that native/tests become, relative to the root. */
export const conformance = 'build/native/tests/conformance';
export const plans = 'build/native/tests/plans';

/** Builds the native tests in the addon's build folder, whose objects they share; from then on they are part of it. */
export async function buildNativeTests() {
  const build = join(root, 'build');
  await runQuietly('configure', 'cmake', ['-DTUBELET_NATIVE_TESTS=ON', build]);
  const target = ['--target', 'conformance', 'plans', '--parallel', String(availableParallelism())];
  await runQuietly('native-tests', 'cmake', ['--build', build, ...target]);
}
