import { readConfig } from '../config-reader.js';

/** Of the norms. */
export const epsilon = 1e-6;

/** The paper's four designs of a block: how it is told timestep and label (DiT, section 3.2, figure 3). */
export const ditConditionings = ['adaln-zero', 'adaln', 'cross-attention', 'in-context'] as const;
/** How timestep and class reach the blocks. */
export type DitConditioning = (typeof ditConditionings)[number];

/** Config of a DiT (Peebles & Xie 2022; facebookresearch/DiT@ed81ce2, models.py). */
export interface DitConfig {
  /** Whose names the checkpoint has: the original's, or those of diffusers' DiTTransformer2DModel. */
  readonly layout: 'original' | 'diffusers';
  readonly conditioning: DitConditioning;
  /** Height and width of the latents. */
  readonly inputSize: number;
  readonly patchSize: number;
  readonly inChannels: number;
  /** Twice the input's where a variance is predicted too. */
  readonly outChannels: number;
  readonly hiddenSize: number;
  readonly depth: number;
  readonly heads: number;
  readonly ffnDim: number;
  readonly classes: number;
  /** Whether the label table has a row for no label, the last one. */
  readonly nullClass: boolean;
  /** Of the norm before the feed-forward; all others have 1e-6. */
  readonly normEpsilon: number;
}

const widths = {
  S: { depth: 12, hidden_size: 384, num_heads: 6 },
  B: { depth: 12, hidden_size: 768, num_heads: 12 },
  L: { depth: 24, hidden_size: 1024, num_heads: 16 },
  XL: { depth: 28, hidden_size: 1152, num_heads: 16 },
} as const;

/** `DiT-S/2`, …: the twelve models of the paper. */
export type DitPreset = `DiT-${keyof typeof widths}/${2 | 4 | 8}`;

/** @param inputSize of the latents: 32 for pictures of 256, 64 for 512 */
export function ditPreset(name: DitPreset, inputSize = 32): DitConfig {
  const [width, patch] = name.slice(4).split('/') as [keyof typeof widths, string];
  return parseDitConfig({ ...widths[width], patch_size: Number(patch), input_size: inputSize });
}

/**
 * Reads the arguments of the original's class DiT, under its names; absent ones have its defaults. `conditioning` chooses
 * one of the paper's four block designs, of which the original released adaln-zero.
 *
 * @throws BAD_CONFIG naming the option
 */
export function parseDitConfig(json: unknown): DitConfig {
  const read = readConfig('dit', json);
  const hiddenSize = read.integer('hidden_size', { most: 65_536, default: 1152 });
  const ratio = read.number('mlp_ratio', 4);
  const dropout = read.number('class_dropout_prob', 0.1);
  const inChannels = read.integer('in_channels', { most: 4096, default: 4 });
  const config: DitConfig = {
    layout: 'original',
    conditioning: read.word('conditioning', ditConditionings, 'adaln-zero'),
    inputSize: read.integer('input_size', { most: 4096, default: 32 }),
    patchSize: read.integer('patch_size', { most: 64, default: 2 }),
    inChannels,
    outChannels: read.flag('learn_sigma', true) ? 2 * inChannels : inChannels,
    hiddenSize,
    depth: read.integer('depth', { most: 1024, default: 28 }),
    heads: read.integer('num_heads', { most: 1024, default: 16 }),
    ffnDim: Math.trunc(hiddenSize * ratio),
    classes: read.integer('num_classes', { most: 16_777_216, default: 1000 }),
    nullClass: dropout > 0,
    normEpsilon: epsilon,
  };
  read.finish();
  read.require(
    config.hiddenSize % config.heads === 0,
    'hidden_size',
    `a multiple of num_heads ${config.heads}`,
    hiddenSize,
  );
  read.require(
    config.inputSize % config.patchSize === 0,
    'input_size',
    `a multiple of patch_size ${config.patchSize}`,
    config.inputSize,
  );
  read.require(
    config.ffnDim >= 1 && config.ffnDim <= 1_048_576,
    'hidden_size times mlp_ratio',
    '1 to 1048576',
    config.ffnDim,
  );
  return config;
}
