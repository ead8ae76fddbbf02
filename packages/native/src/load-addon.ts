import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Addon } from './binding.js';

const require = createRequire(import.meta.url);
const packageFolder = fileURLToPath(new URL('..', import.meta.url));
const repository = resolve(packageFolder, '../..');
const isClone = existsSync(join(repository, 'pnpm-workspace.yaml'));

/** A place where the addon may be. `locate` throws when there is no file for this machine. */
interface Place {
  readonly what: string;
  readonly locate: () => string;
}

let loaded: Addon | undefined;

/**
 * Loads the addon, once per thread. Looks, in a clone, at the repository's
 * `build/Release/tubelet.node`; then at the package's `prebuilds/`, as node-gyp-build does. The
 * environment's TUBELET_ADDON names a file to load instead.
 *
 * @throws Error UNSUPPORTED that lists what was tried, each failure, and what to do
 */
export function loadAddon(): Addon {
  loaded ??= loadFirst(placesOf(process.env.TUBELET_ADDON));
  return loaded;
}

function placesOf(named: string | undefined): Place[] {
  if (named) return [{ what: `TUBELET_ADDON=${named}`, locate: () => resolve(named) }];
  const built = join(repository, 'build/Release/tubelet.node');
  const prebuilds = {
    what: `${join(packageFolder, 'prebuilds')} for ${process.platform}-${process.arch}`,
    locate: (): string => require('node-gyp-build').resolve(packageFolder),
  };
  return isClone ? [{ what: built, locate: () => built }, prebuilds] : [prebuilds];
}

function loadFirst(places: readonly Place[]): Addon {
  const failures: unknown[] = [];
  for (const { locate } of places) {
    try {
      const addon: Addon = require(locate());
      if (typeof addon.Device === 'function' && typeof addon.Graph === 'function') return addon;
      throw new Error('it is not the addon of tubelet');
    } catch (error) {
      failures.push(error);
    }
  }
  const tried = places.map(({ what }, i) => `\n  ${what}: ${firstLine(failures[i])}`).join('');
  const advice = isClone
    ? 'Build it with: npm run setup'
    : 'Build it from a clone of the repository (npm run setup) and let TUBELET_ADDON name its build/Release/tubelet.node';
  throw loadError(
    `the addon must be = loadable, got no file that loads; tried${tried}\n${advice}`,
    failures,
  );
}

function firstLine(error: unknown): string {
  return String(error instanceof Error ? error.message : error).split('\n', 1)[0];
}

/** As the addon's own errors: this package imports no class of ours. */
function loadError(message: string, failures: readonly unknown[]): Error {
  const error = new Error(`[native] ${message}`, {
    cause: failures.length === 1 ? failures[0] : new AggregateError(failures),
  });
  return Object.defineProperties(error, {
    name: { value: 'TubeletError', configurable: true, writable: true },
    code: { value: 'UNSUPPORTED', enumerable: true },
    op: { value: 'native', enumerable: true },
    [Symbol.for('tubelet.error')]: { value: true },
  });
}
