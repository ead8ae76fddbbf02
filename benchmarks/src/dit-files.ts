import { mkdirSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { type DitConfig, type DitPreset, dit, ditPreset } from '@tubelet/models';
import { root } from './machine.js';
import { ditOnnx } from './onnx/dit.js';
import { locateIn, writeRandomWeights } from './random-weights.js';

/** A DiT with random weights in files: ours, and the ONNX twin that refers to the same bytes. */
export interface DitFiles {
  readonly config: DitConfig;
  readonly weights: string;
  readonly onnx: string;
}

/** Pictures of 256 x 256: latents of 32 x 32. */
const inputSize = 32;

/** Writes what is missing below build/bench/models. */
export function ditFiles(preset: DitPreset, images: number): DitFiles {
  const config = ditPreset(preset, inputSize);
  const folder = join(root, 'build/bench/models');
  mkdirSync(folder, { recursive: true });
  const stem = join(folder, preset.replace('/', '-'));
  const weights = `${stem}.safetensors`;
  const layout = writeRandomWeights(weights, dit(config));
  const onnx = `${stem}-b${images}.onnx`;
  writeFileSync(onnx, ditOnnx(config, images, locateIn(layout, basename(weights))));
  return { config, weights, onnx };
}
