import { type AdalnSingleConfig, readAdalnSingle } from '../adaln-single-config.js';
import { readConfig } from '../config-reader.js';

/** Config of a Latte transformer for text to video; its layers are pairs of a spatial and a temporal block. */
export interface LatteConfig extends AdalnSingleConfig {
  /** The most frames it has positions for. */
  readonly frames: number;
}

/**
 * Reads the config.json of a LatteTransformer3DModel (diffusers 0.42.1), or of the LatteT2V that Latte-1 was published as;
 * absent options have the library's defaults.
 *
 * @throws BAD_CONFIG naming the option
 */
export function parseLatteConfig(json: unknown): LatteConfig {
  const read = readConfig('latte', json);
  const classes = ['LatteTransformer3DModel', 'LatteT2V'] as const;
  read.word('_class_name', classes, 'LatteTransformer3DModel');
  const config: LatteConfig = {
    ...readAdalnSingle(read, {
      headDim: 88,
      sampleSize: 64,
      layers: 1,
      epsilon: 1e-5,
      attentionBias: false,
    }),
    frames: read.integer('video_length', { most: 65_536, default: 16 }),
  };
  read.finish();
  return config;
}
