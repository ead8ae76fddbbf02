import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type DitConfig, type DitPreset, dit, ditPreset } from '@tubelet/models';
import { root } from './machine.js';
import { ditOnnx, type Locate, type Quantize } from './onnx/dit.js';
import { locateIn, writeRandomWeights } from './random-weights.js';

/** A DiT with random weights in files: ours, and the ONNX twin that refers to the same bytes. */
export interface DitFiles {
  readonly config: DitConfig;
  readonly weights: string;
  readonly onnx: string;
}

interface Form {
  readonly images: number;
  /** Side of the pictures, in pixels: eight for one of the latents. */
  readonly pixels: number;
  /** The twin in 8-bit integers instead of float32. */
  readonly isQuantized?: boolean;
}

/** Writes what is missing below build/bench/models. */
export function ditFiles(preset: DitPreset, { images, pixels, isQuantized }: Form): DitFiles {
  const config = ditPreset(preset, pixels / 8);
  const folder = join(root, 'build/bench/models');
  mkdirSync(folder, { recursive: true });
  const stem = join(folder, `${preset.replace('/', '-')}-${pixels}`);
  const weights = `${stem}.safetensors`;
  const layout = writeRandomWeights(weights, dit(config));
  const onnx = `${stem}-b${images}${isQuantized ? '-int8' : ''}.onnx`;
  if (!isNewerThan(onnx, [weights, ...writers()])) {
    const locate = locateIn(layout, basename(weights));
    const quantize = isQuantized ? quantizeFrom(weights, locate) : undefined;
    writeFileSync(`${onnx}.part`, ditOnnx(config, images, locate, quantize));
    renameSync(`${onnx}.part`, onnx);
  }
  return { config, weights, onnx };
}

/** The code that decides what is in a twin. */
function writers(): string[] {
  const folder = fileURLToPath(new URL('./onnx', import.meta.url));
  return [fileURLToPath(import.meta.url), ...readdirSync(folder).map((name) => join(folder, name))];
}

function isNewerThan(path: string, sources: readonly string[]): boolean {
  if (!existsSync(path)) return false;
  const { mtimeMs } = statSync(path);
  return sources.every((source) => statSync(source).mtimeMs < mtimeMs);
}

/** Reads weights and rounds each row to integers from -127 to 127. */
function quantizeFrom(path: string, locate: Locate): Quantize {
  return (name, n, k, rows) => {
    const { offset, bytes } = locate(name, rows);
    const stored = new Float32Array(bytes / 4);
    const file = openSync(path, 'r');
    readSync(file, stored, 0, bytes, offset);
    closeSync(file);
    const values = new Int8Array(n * k);
    const scales = new Float32Array(n);
    for (let row = 0; row < n; row++) {
      const line = stored.subarray(row * k, (row + 1) * k);
      scales[row] = line.reduce((most, value) => Math.max(most, Math.abs(value)), 0) / 127;
      for (let i = 0; i < k; i++) values[i * n + row] = Math.round(line[i] / scales[row]);
    }
    return { values, scales };
  };
}
