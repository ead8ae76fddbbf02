import type { ConfigReader } from '../config-reader.js';
import {
  readBase,
  readBlocks,
  readCrossWidth,
  readSizeConditions,
  readTypes,
} from './base-config.js';
import type { UnetAttention, UnetClasses, UnetConfig, UnetLevel } from './config.js';

/** UNet2DConditionModel; `attention_head_dim` is the number of heads here. */
export function parseUnet2d(read: ConfigReader): UnetConfig {
  const { widths, config } = readBase(read);
  const levels = widths.length;
  const ones = Array<number>(levels).fill(1);
  const heads = read.nestedIntegers('attention_head_dim', ones, { most: 1024, default: 8 }).flat();
  const layers = read.nestedIntegers('layers_per_block', ones, { most: 64, default: 2 }).flat();
  const blocks = readBlocks(read, 'transformer_layers_per_block', layers);
  const textOnly = readTextOnly(read, levels);
  const level = (
    width: number,
    spatial: Omit<UnetAttention, 'blocks'> | null,
    counts: readonly number[],
  ): UnetLevel => ({
    width,
    layers: counts.map((blocks) => ({
      spatial: spatial && { ...spatial, blocks },
      temporal: null,
    })),
  });
  const levelsOf = (direction: 'down' | 'up') => {
    const order = <T>(list: readonly T[]) => (direction === 'down' ? list : list.toReversed());
    const types = readTypes(read, direction, '2D', levels);
    return order(widths).map((width, i) =>
      level(
        width,
        types[i]
          ? { heads: order(heads)[i], ...(order(textOnly)[i] && { readsTextOnly: true }) }
          : null,
        blocks[direction][i],
      ),
    );
  };
  const midTypes = ['UNetMidBlock2DCrossAttn', 'UNetMidBlock2D', null] as const;
  const midType = read.word('mid_block_type', midTypes, 'UNetMidBlock2DCrossAttn');
  const midBlocks = midType === 'UNetMidBlock2DCrossAttn' ? [blocks.down[levels - 1][0]] : [];
  const flags = ['dual_cross_attention', 'class_embeddings_concat', 'resnet_skip_time_act'];
  for (const key of flags) read.only(key, false);
  const none = ['num_attention_heads', 'time_embedding_act_fn', 'timestep_post_act'];
  for (const key of [...none, 'cross_attention_norm']) read.only(key, null);
  read.only('resnet_time_scale_shift', 'default');
  read.only('resnet_out_scale_factor', 1);
  read.only('time_embedding_type', 'positional');
  read.only('attention_type', 'default');
  read.ignore('upcast_attention', 'addition_embed_type_num_heads');
  // Of a kind of middle that is refused.
  read.ignore('mid_block_only_cross_attention');
  const crossWidth = readCrossWidth(read, levels, 1280);
  const kernel = (key: string) => {
    const side = read.integer(key, { most: 15, default: 3 });
    read.require(side % 2 === 1, key, 'odd', side);
    return side;
  };
  return {
    ...config,
    inKernel: kernel('conv_in_kernel'),
    outKernel: kernel('conv_out_kernel'),
    centerInput: read.flag('center_input_sample', false),
    down: levelsOf('down'),
    mid:
      midType === null ? null : level(widths[levels - 1], { heads: heads[levels - 1] }, midBlocks),
    up: levelsOf('up'),
    linearProjection: read.flag('use_linear_projection', false),
    timeWidth: read.optionalInteger('time_embedding_dim', { most: 262_144 }) ?? config.timeWidth,
    flipSinToCos: read.flag('flip_sin_to_cos', true),
    freqShift: read.number('freq_shift', 0),
    crossWidth,
    textWidth: readTextWidth(read),
    sizeConditions: readSizeConditions(read),
    classes: readClasses(read),
  };
}

/** Going down; one for all levels, or one for each. */
function readTextOnly(read: ConfigReader, levels: number): readonly boolean[] {
  const key = 'only_cross_attention';
  if (!Array.isArray(read.given(key))) return Array<boolean>(levels).fill(read.flag(key, false));
  const flags = read.flags(key, []);
  read.require(flags.length === levels, key, `${levels} flags`, flags.length);
  return flags;
}

function readTextWidth(read: ConfigReader): number | null {
  const width = read.optionalInteger('encoder_hid_dim', { most: 65_536 });
  const kind = read.word('encoder_hid_dim_type', [null, 'text_proj'], null);
  const given = kind === null || width !== null;
  read.require(given, 'encoder_hid_dim', 'given with encoder_hid_dim_type', width);
  return width;
}

function readClasses(read: ConfigReader): UnetClasses | null {
  const kinds = [null, 'timestep', 'identity', 'projection', 'simple_projection'] as const;
  const kind = read.word('class_embed_type', kinds, null);
  const count = read.optionalInteger('num_class_embeds', { most: 1e6 });
  const range = { most: 65_536 };
  if (kind === 'projection' || kind === 'simple_projection')
    return { kind, width: read.integer('projection_class_embeddings_input_dim', range) };
  read.ignore('projection_class_embeddings_input_dim');
  if (kind !== null) return { kind };
  return count === null ? null : { kind: 'table', count };
}
