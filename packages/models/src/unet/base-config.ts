import type { ConfigReader } from '../config-reader.js';
import type { UnetConfig } from './config.js';

/** Options of all three classes. */
export function readBase(read: ConfigReader) {
  const widths = read.integers('block_out_channels', {
    most: 65_536,
    default: [320, 640, 1280, 1280],
  });
  read.require(widths.length <= 8, 'block_out_channels', 'at most 8 levels', widths.length);
  read.word('act_fn', ['silu', 'swish'], 'silu');
  read.only('mid_block_scale_factor', 1);
  read.ignore('sample_size', 'dropout');
  return {
    widths,
    config: {
      inChannels: read.integer('in_channels', { most: 4096, default: 4 }),
      outChannels: read.integer('out_channels', { most: 4096, default: 4 }),
      inKernel: 3,
      outKernel: 3,
      centerInput: false,
      padsAround: read.integer('downsample_padding', { least: 0, most: 1, default: 1 }) === 1,
      normGroups: read.integer('norm_num_groups', { most: 4096, default: 32 }),
      epsilon: read.epsilon('norm_eps', 1e-5),
      timeWidth: 4 * widths[0],
      flipSinToCos: true,
      freqShift: 0,
      timeConditionWidth: read.optionalInteger('time_cond_proj_dim', { most: 65_536 }),
      textWidth: null,
      classes: null,
      sizeConditions: null,
      videoHeadDim: null,
      motionFrames: null,
    },
  };
}

/** Which levels have attention to the text: `CrossAttnDownBlock2D` or `DownBlock2D`. */
export function readTypes(
  read: ConfigReader,
  direction: 'down' | 'up',
  suffix: '2D' | '3D' | 'Motion',
  levels: number,
): readonly boolean[] {
  const plain = direction === 'down' ? `DownBlock${suffix}` : `UpBlock${suffix}`;
  const cross = `CrossAttn${plain}`;
  const usual = [cross, cross, cross, plain];
  const fallback = direction === 'down' ? usual : usual.toReversed();
  const key = `${direction}_block_types`;
  const types = read.words(key, [cross, plain], fallback);
  read.require(types.length === levels, key, `${levels} blocks`, types.length);
  return types.map((type) => type === cross);
}

/** The one width of the text at all levels. */
export function readCrossWidth(read: ConfigReader, levels: number, fallback: number): number {
  const ones = Array<number>(levels).fill(1);
  const range = { most: 65_536, default: fallback };
  const widths = read.nestedIntegers('cross_attention_dim', ones, range).flat();
  const equal = widths.every((width) => width === widths[0]);
  read.require(equal, 'cross_attention_dim', 'one width for all levels', widths);
  return widths[0];
}

/** Pooled text and sizes as conditions. */
export function readSizeConditions(read: ConfigReader): UnetConfig['sizeConditions'] {
  const kind = read.word('addition_embed_type', [null, 'text_time'], null);
  const range = { most: 65_536 };
  if (kind === null) {
    read.ignore('addition_time_embed_dim');
    return null;
  }
  const features = read.integer('addition_time_embed_dim', range);
  return { features, width: read.integer('projection_class_embeddings_input_dim', range) };
}

/** Transformer blocks of each layer going down, then going up, where `key` or its reverse sets them. */
export function readBlocks(
  read: ConfigReader,
  key: string,
  layers: readonly number[],
): { readonly down: readonly (readonly number[])[]; readonly up: readonly (readonly number[])[] } {
  const range = { least: 0, most: 1024 };
  const upLayers = layers.toReversed().map((count) => count + 1);
  const down = read.nestedIntegers(key, layers, { ...range, default: 1 });
  const reverse = `reverse_${key}`;
  if (read.given(reverse) !== null)
    return { down, up: read.nestedIntegers(reverse, upLayers, range) };
  const even = down.every((blocks) => blocks.every((count) => count === blocks[0]));
  read.require(even, reverse, `given where the layers of ${key} differ`, 'nothing');
  read.ignore(reverse);
  const up = down.toReversed().map((blocks, i) => Array<number>(upLayers[i]).fill(blocks[0]));
  return { down, up };
}
