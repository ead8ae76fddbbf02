#!/usr/bin/env node
// Stands in for node-gyp under prebuildify, which spawns `<this> rebuild --target=20.20.2 --arch=x64 --release` in its
// staging folder: setup has built the addon already (the CUDA library beside it is not part of it), so it is copied.
import { copyFileSync, mkdirSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { addon } from './build-addon.mjs';
import { main, root, StepError } from './workspace.mjs';

const { values } = parseArgs({
  strict: false,
  options: { arch: { type: 'string', default: process.arch } },
});

await main(() => {
  if (values.arch !== process.arch) {
    throw new StepError(`The addon is built on its own machine: this is ${process.arch}.`);
  }
  const staged = resolve(addon);
  mkdirSync(dirname(staged), { recursive: true });
  copyFileSync(join(root, addon), staged);
});
