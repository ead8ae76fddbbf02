import { readdir } from 'node:fs/promises';
import { type DitConfig, ditCheckpoint, inferDitConfig } from '@tubelet/models';
import { openWeights, type Weights, weightsUnder } from '@tubelet/runtime';
import { mergeLoras } from '../lora.js';
import { type ModelFolder, requireCheckpoint } from '../model-folder.js';
import type { TransformerOptions } from '../transformer-weights.js';

/** A transformer, and the names of its classes where the folder has them. */
export interface LoadedDit {
  readonly config: DitConfig;
  readonly weights: Weights;
  readonly labels: unknown;
}

/**
 * Whether a folder without model_index.json is an original DiT: a state dict (`DiT-XL-2-256x256.pt`) beside `vae/`, with an
 * optional config.json that has the arguments of the original's class and `id2label`.
 */
export async function isOriginalDit(folder: ModelFolder): Promise<boolean> {
  const names = await readdir(folder.directory);
  return names.includes('vae') && names.some((name) => /\.(pt|pth|safetensors)$/.test(name));
}

/** What model_index.json would say of an original DiT. */
export const originalDitIndex = {
  _class_name: 'DiTPipeline',
  transformer: ['facebookresearch/DiT', 'DiT'],
  vae: ['diffusers', 'AutoencoderKL'],
};

/** As the original's `find_model`: the moving average of a training run goes before the network itself. */
export async function openOriginalDit(
  folder: ModelFolder,
  { transformer, loras = [] }: TransformerOptions,
): Promise<LoadedDit> {
  const { id2label, ...json } = (await folder.optionalJson('config.json')) ?? {};
  const all = await openWeights(transformer ?? folder.directory);
  const has = (prefix: string) => all.tensors.has(`${prefix}x_embedder.proj.weight`);
  const weights = weightsUnder(all, ['ema.', 'model.'].find(has) ?? '');
  const config = inferDitConfig(weights.tensors, json);
  requireCheckpoint(ditCheckpoint(config), weights);
  const merged = loras.length === 0 ? weights : mergeLoras(weights, loras);
  return { config, weights: await merged, labels: id2label };
}
