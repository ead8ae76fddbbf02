#!/usr/bin/env node
// Stands in for node-gyp under prebuildify, which spawns `<this> rebuild --target=20.20.2 --arch=x64 --release` in its
// staging folder. The addon is built where it always is (the CUDA library beside it is not part of it) and copied.
import { copyFileSync, mkdirSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { addon, buildAddon } from './build-addon.mjs';
import { main, root, StepError } from './workspace.mjs';

const { values } = parseArgs({
  strict: false,
  options: { arch: { type: 'string', default: process.arch } },
});

await main(async () => {
  if (values.arch !== process.arch) {
    throw new StepError(`The addon is built on its own machine: this is ${process.arch}.`);
  }
  await buildAddon();
  const staged = resolve(addon);
  mkdirSync(dirname(staged), { recursive: true });
  copyFileSync(join(root, addon), staged);
});
