import { type AdalnSingleConfig, readAdalnSingle } from '../adaln-single-config.js';
import { readConfig } from '../config-reader.js';

/** Config of a PixArt transformer, alpha and sigma. */
export interface PixartConfig extends AdalnSingleConfig {
  /** Resolution and aspect ratio as conditions (alpha at 1024 pixels). */
  readonly sizeConditions: boolean;
}

/**
 * Reads the config.json of a PixArtTransformer2DModel (diffusers 0.42.1), or of the Transformer2DModel that PixArt-alpha was
 * published as; absent options have the library's defaults.
 *
 * @throws BAD_CONFIG naming the option
 */
export function parsePixartConfig(json: unknown): PixartConfig {
  const read = readConfig('pixart', json);
  const classes = ['PixArtTransformer2DModel', 'Transformer2DModel'] as const;
  read.word('_class_name', classes, 'PixArtTransformer2DModel');
  const config = readAdalnSingle(read, {
    headDim: 72,
    sampleSize: 128,
    patchSize: 2,
    inChannels: 4,
    layers: 28,
    epsilon: 1e-6,
    attentionBias: true,
    captionChannels: 4096,
    crossDim: 1152,
  });
  const scale = read.optionalInteger('interpolation_scale', { most: 1024 });
  const key = 'use_additional_conditions';
  const isUnsaid = read.given(key) === null;
  const sizeConditions = isUnsaid ? config.sampleSize === 128 : read.flag(key, false);
  read.ignore(key);
  read.finish();
  const { hiddenSize } = config;
  const thirds = !sizeConditions || hiddenSize % 3 === 0;
  read.require(thirds, 'hidden size', 'a multiple of 3 for size conditions', hiddenSize);
  // Null means in_channels, and absent the original's default.
  const outChannels = Object(json).out_channels === undefined ? 8 : config.outChannels;
  const interpolationScale = scale ?? config.interpolationScale;
  return { ...config, outChannels, interpolationScale, sizeConditions };
}
