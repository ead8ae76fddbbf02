import { mkdirSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { Graph } from '@tubelet/graph';
import {
  klVaeDecoder,
  parseKlVaeConfig,
  parseTinyVaeConfig,
  tinyVaeDecoder,
} from '@tubelet/models';
import { compile, type Device, openWeights, type Precision } from '@tubelet/runtime';
import { type BoundPlan, bindPlan } from './bound-plan.js';
import { root } from './machine.js';
import type { Locate } from './onnx/dit.js';
import { klVaeDecoderOnnx } from './onnx/kl-vae.js';
import { tinyVaeDecoderOnnx } from './onnx/tiny-vae.js';
import { locateIn, randomTensor, writeRandomWeights } from './random-weights.js';

/** A picture decoder with random weights: ours, and the ONNX twin of the same bytes. */
export interface PictureDecoder {
  readonly graph: Graph;
  readonly weights: string;
  readonly onnx: string;
  /** [channels, side, side] of the latents. */
  readonly latents: readonly [number, number, number];
}

/** AutoencoderKL of Stable Diffusion 1.5, vae/config.json. */
const sd = parseKlVaeConfig({
  _class_name: 'AutoencoderKL',
  act_fn: 'silu',
  block_out_channels: [128, 256, 512, 512],
  down_block_types: Array(4).fill('DownEncoderBlock2D'),
  in_channels: 3,
  latent_channels: 4,
  layers_per_block: 2,
  norm_num_groups: 32,
  out_channels: 3,
  sample_size: 512,
  up_block_types: Array(4).fill('UpDecoderBlock2D'),
});

/** AutoencoderTiny of TAESD. */
const taesd = parseTinyVaeConfig({ _class_name: 'AutoencoderTiny' });

const decoders: Readonly<
  Record<string, (side: number) => [Graph, (locate: Locate) => Uint8Array]>
> = {
  sd: (side) => [
    klVaeDecoder(sd, { height: side, width: side }),
    (locate) => klVaeDecoderOnnx(sd, side, locate),
  ],
  taesd: (side) => [
    tinyVaeDecoder(taesd, { height: side, width: side }),
    (locate) => tinyVaeDecoderOnnx(taesd, side, locate),
  ],
};

export const pictureDecoders = ['sd', 'taesd'] as const;
export type PictureDecoderName = (typeof pictureDecoders)[number];

/**
 * Writes what is missing below build/bench/models.
 *
 * @param side of the latents; 32 are pictures of 256 x 256
 */
export function pictureDecoder(name: PictureDecoderName, side = 32): PictureDecoder {
  const [graph, twin] = decoders[name](side);
  const folder = join(root, 'build/bench/models');
  mkdirSync(folder, { recursive: true });
  const weights = join(folder, `${name}-decoder.safetensors`);
  const layout = writeRandomWeights(weights, graph);
  const onnx = join(folder, `${name}-decoder-${side}.onnx`);
  writeFileSync(onnx, twin(locateIn(layout, basename(weights))));
  return { graph, weights, onnx, latents: [4, side, side] };
}

/** Latents as the twin takes them: channels first. */
export function decoderLatents({ latents }: PictureDecoder): Float32Array {
  return randomTensor('latents', latents).map((value) => value * Math.sqrt(latents[0]));
}

export async function openPictureDecoder(
  device: Device,
  decoder: PictureDecoder,
  precision: Precision,
): Promise<BoundPlan> {
  const weights = await openWeights(decoder.weights);
  const plan = await compile(device, decoder.graph, weights, {}, { precision });
  const [channels, height, width] = decoder.latents;
  const latents = transposed(decoderLatents(decoder), channels, height * width);
  return bindPlan(device, plan, { latents });
}

/** [rows, columns] -> [columns, rows] */
export function transposed(values: Float32Array, rows: number, columns: number): Float32Array {
  return values.map((_, i) => values[(i % rows) * columns + Math.floor(i / rows)]);
}
