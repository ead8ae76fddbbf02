#!/usr/bin/env node
// Stands in for node-gyp under prebuildify, which spawns `<this> rebuild --target=20.20.2 --arch=x64 --release` in its
// staging folder: cmake-js would take --target for a CMake target. A prebuilt addon comes without the CUDA library.
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { buildAddon } from './build-addon.mjs';
import { main } from './workspace.mjs';

const { values } = parseArgs({
  strict: false,
  options: { arch: { type: 'string', default: process.arch } },
});

await main(async () => {
  await buildAddon({ out: resolve('build'), arch: values.arch, options: { TUBELET_CUDA: 'OFF' } });
});
