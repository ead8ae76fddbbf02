#!/usr/bin/env node
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { replaceSection } from '@tubelet/testing';
import { benchBoundary } from './boundary.js';
import { benchCache } from './cache.js';
import { benchDit } from './dit.js';
import { benchGenerate } from './generate.js';
import { benchGpu } from './gpu.js';
import { benchLoad } from './load.js';
import { commitOfSources, describeMachine, root } from './machine.js';
import { benchNumerics } from './numerics.js';
import { benchOps } from './ops.js';
import { type Options, optionDefinitions, readOptions } from './options.js';
import { installPeers } from './peer.js';
import { benchProfile } from './profile.js';
import type { Measured, Report } from './report.js';
import { benchScaling } from './scaling.js';
import { markdownReport, reportText } from './table.js';
import { benchUnet } from './unet.js';
import { benchVae } from './vae.js';

const benchmarks: Readonly<Record<string, (options: Options) => Promise<Measured>>> = {
  generate: benchGenerate,
  dit: benchDit,
  numerics: benchNumerics,
  cache: benchCache,
  ops: benchOps,
  load: benchLoad,
  vae: benchVae,
  profile: benchProfile,
  scaling: benchScaling,
  unet: benchUnet,
  boundary: benchBoundary,
  gpu: benchGpu,
};

const usage = `npm run bench -- NAME [--json] [--save] [--threads N] [--rounds N]
  generate        the default video of the model that ships: stages, peak memory     --precision
  dit             DiT beside onnxruntime     --model DiT-S/2,DiT-B/2 --precision f32,bf16,int8 --images 1,2 --pixels 256,512
  numerics        what bf16 and int8 change: one forward of each model, and videos
  cache           step caches on the model that ships: quality against speed     --precision
  ops [OP]        every op at production sizes
  load            cold load and compile      --model, --precision
  vae [DECODER]   sd and taesd beside onnxruntime, sprites (the video decoder that ships)
  profile [PLAN]  time per node              dit (--model, --precision), transformer, decoder, sd or taesd
  scaling         one block of DiT-B, 256 to 32768 tokens     --precision, --seconds 20
  unet            DiT beside a U-Net of the same FLOPs     --model, --pixels 256,512 --precision
  boundary        an empty run, write, read
  gpu [PEER.json] DiT-XL/2, attention and a decoder on a GPU, beside what peer.py wrote
  install-peers   puts the peers into build/peers
--save also writes benchmarks/results/NAME-<cpu>-<date>.json; --json prints that and no table;
--page FILE writes the table into a page of docs, between its marks.`;

function save(report: Report): string {
  const folder = join(root, 'benchmarks/results');
  mkdirSync(folder, { recursive: true });
  const cpu = report.machine.cpu.toLowerCase().replace(/[^a-z0-9]+/g, '-');
  const path = join(folder, `${report.name}-${cpu}-${report.date.slice(0, 10)}.json`);
  writeFileSync(path, `${JSON.stringify(report, null, 2)}\n`);
  return path;
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({ options: optionDefinitions, allowPositionals: true });
  const [name, ...words] = positionals;
  if (name === 'install-peers') return installPeers();
  const benchmark = benchmarks[name];
  if (!benchmark) throw new Error(name ? `no benchmark ${name}\n${usage}` : usage);
  const machine = describeMachine();
  const measured = await benchmark(readOptions(values, words));
  const date = new Date().toISOString();
  const report: Report = { name, machine, commit: commitOfSources(), date, ...measured };
  process.stdout.write(values.json ? `${JSON.stringify(report)}\n` : reportText(report));
  if (values.page !== undefined) {
    const page = readFileSync(values.page, 'utf8');
    writeFileSync(values.page, replaceSection(page, name, markdownReport(report)));
  }
  if (values.save) process.stderr.write(`saved ${save(report)}\n`);
}

try {
  await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
