import { type ConfigReader, readConfig } from '../config-reader.js';
import {
  readBase,
  readBlocks,
  readCrossWidth,
  readSizeConditions,
  readTypes,
} from './base-config.js';
import type { UnetAttention, UnetConfig, UnetLevel } from './config.js';

/** UNet3DConditionModel; `attention_head_dim` is what it says here, not the number of heads. */
export function parseUnet3d(read: ConfigReader): UnetConfig {
  const { widths, config } = readBase(read);
  const levels = widths.length;
  const headDim = read.integer('attention_head_dim', { most: 1024, default: 64 });
  read.only('num_attention_heads', null);
  const layers = read.integer('layers_per_block', { most: 64, default: 2 });
  const level = (width: number, hasAttention: boolean, count: number): UnetLevel => {
    const whole = !hasAttention || width % headDim === 0;
    read.require(whole, 'attention_head_dim', `a divisor of width ${width}`, headDim);
    const attention = hasAttention ? { heads: width / headDim, blocks: 1 } : null;
    return { width, layers: Array(count).fill({ spatial: attention, temporal: attention }) };
  };
  const down = readTypes(read, 'down', '3D', levels);
  const up = readTypes(read, 'up', '3D', levels);
  return {
    ...config,
    down: widths.map((width, i) => level(width, down[i], layers)),
    mid: level(widths[levels - 1], true, 1),
    up: widths.toReversed().map((width, i) => level(width, up[i], layers + 1)),
    linearProjection: true,
    crossWidth: readCrossWidth(read, levels, 1024),
    videoHeadDim: headDim,
  };
}

/** UNetMotionModel. */
export function parseMotionUnet(read: ConfigReader): UnetConfig {
  const { widths, config } = readBase(read);
  const levels = widths.length;
  const ones = Array<number>(levels).fill(1);
  const perLevel = (key: string, fallback: number) =>
    read.nestedIntegers(key, ones, { most: 1024, default: fallback }).flat();
  const layers = perLevel('layers_per_block', 2);
  const spatial = {
    heads: perLevel('num_attention_heads', 8),
    ...readBlocks(read, 'transformer_layers_per_block', layers),
  };
  const temporal = {
    heads: perLevel('motion_num_attention_heads', 8),
    ...readBlocks(read, 'temporal_transformer_layers_per_block', layers),
  };
  const levelsOf = (direction: 'down' | 'up') => {
    const order = <T>(list: readonly T[]) => (direction === 'down' ? list : list.toReversed());
    const types = readTypes(read, direction, 'Motion', levels);
    return order(widths).map((width, i): UnetLevel => {
      const at = (part: typeof spatial, layer: number): UnetAttention => ({
        heads: order(part.heads)[i],
        blocks: part[direction][i][layer],
      });
      const count = order(layers)[i] + (direction === 'up' ? 1 : 0);
      return {
        width,
        layers: Array.from({ length: count }, (_, layer) => ({
          spatial: types[i] ? at(spatial, layer) : null,
          temporal: at(temporal, layer),
        })),
      };
    });
  };
  const midCount = read.integer('mid_block_layers', { most: 64, default: 1 });
  const midBlocks = (key: string, fallback: number) =>
    read.nestedIntegers(key, [midCount], { least: 0, most: 1024, default: fallback })[0];
  // A list for the last level leaves the middle with one block, a number is the middle's too.
  const given = read.given('transformer_layers_per_block');
  const isList = Array.isArray(given) && Array.isArray(given.at(-1));
  const midSpatial = midBlocks(
    'transformer_layers_per_mid_block',
    isList ? 1 : spatial.down[levels - 1][0],
  );
  const midTemporal = midBlocks('temporal_transformer_layers_per_mid_block', 1);
  const hasMotion = read.flag('use_motion_mid_block', true);
  read.ignore('reverse_motion_num_attention_heads');
  for (const key of ['encoder_hid_dim', 'encoder_hid_dim_type']) read.only(key, null);
  const sizeConditions = readSizeConditions(read);
  if (!sizeConditions) read.ignore('projection_class_embeddings_input_dim');
  return {
    ...config,
    down: levelsOf('down'),
    mid: {
      width: widths[levels - 1],
      layers: midSpatial.map((blocks, layer) => ({
        spatial: { heads: spatial.heads[levels - 1], blocks },
        temporal: hasMotion
          ? { heads: temporal.heads[levels - 1], blocks: midTemporal[layer] }
          : null,
      })),
    },
    up: levelsOf('up'),
    linearProjection: read.flag('use_linear_projection', false),
    crossWidth: readCrossWidth(read, levels, 1280),
    sizeConditions,
    motionFrames: read.integer('motion_max_seq_length', { most: 65_536, default: 32 }),
  };
}

/**
 * The U-Net of pictures with the motion modules of an AnimateDiff adapter, as diffusers' UNetMotionModel.from_unet2d joins them;
 * its weights are those of both files.
 *
 * @param json config.json of the MotionAdapter (diffusers 0.42.1)
 * @throws BAD_CONFIG naming the option
 */
export function withMotion(unet: UnetConfig, json: unknown): UnetConfig {
  const read = readConfig('motion-adapter', json, 'MotionAdapter');
  const isImage = unet.videoHeadDim === null && unet.motionFrames === null;
  read.require(isImage, 'U-Net', 'one of pictures', 'one of clips');
  const widths = unet.down.map(({ width }) => width);
  const ones = Array<number>(widths.length).fill(1);
  const perLevel = (key: string, fallback: number) =>
    read.nestedIntegers(key, ones, { most: 1024, default: fallback }).flat();
  const own = read.integers('block_out_channels', {
    most: 65_536,
    default: [320, 640, 1280, 1280],
  });
  const layers = perLevel('motion_layers_per_block', 2);
  const blocks = perLevel('motion_transformer_layers_per_block', 1);
  const heads = perLevel('motion_num_attention_heads', 8);
  const midKey = 'motion_transformer_layers_per_mid_block';
  const [[midBlocks]] = read.nestedIntegers(midKey, [1], { most: 1024, default: 1 });
  const hasMid = read.flag('use_motion_mid_block', true);
  const motionFrames = read.integer('motion_max_seq_length', { most: 65_536, default: 32 });
  const groups = read.integer('motion_norm_num_groups', { most: 4096, default: 32 });
  read.only('motion_mid_block_layers_per_block', 1);
  read.only('conv_in_channels', null);
  read.finish();
  const same = (what: string, expected: readonly number[], got: readonly number[]) =>
    read.require(`${expected}` === `${got}`, what, JSON.stringify(expected), got);
  same('block_out_channels', widths, own);
  same(
    'motion_layers_per_block',
    unet.down.map((level) => level.layers.length),
    layers,
  );
  same('motion_norm_num_groups', [unet.normGroups], [groups]);
  const add = (level: UnetLevel, temporal: UnetAttention): UnetLevel => {
    const whole = level.width % temporal.heads === 0;
    read.require(
      whole,
      'motion_num_attention_heads',
      `a divisor of ${level.width}`,
      temporal.heads,
    );
    return { ...level, layers: level.layers.map((layer) => ({ ...layer, temporal })) };
  };
  const at = (i: number): UnetAttention => ({ heads: heads[i], blocks: blocks[i] });
  const last = widths.length - 1;
  return {
    ...unet,
    down: unet.down.map((level, i) => add(level, at(i))),
    mid: unet.mid && hasMid ? add(unet.mid, { heads: heads[last], blocks: midBlocks }) : unet.mid,
    up: unet.up.map((level, i) => add(level, at(last - i))),
    motionFrames,
  };
}
