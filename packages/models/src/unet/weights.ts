import type { Checkpoint } from '../weights.js';
import { parseUnetConfig, type UnetConfig } from './config.js';
import { unet } from './model.js';
import { withMotion } from './video-config.js';

/** Weights do not depend on the size of a picture, nor on how many sizes are conditions. */
export function unetCheckpoint(config: UnetConfig): Checkpoint {
  const side = 2 ** (config.down.length - 1);
  const graph = unet(config, { height: side, width: side, textTokens: [1] }, { sizeCount: 1 });
  return { graphs: [graph], unused: [] };
}

/**
 * What the file of a MotionAdapter holds: the motion modules of a U-Net of its widths.
 *
 * @param json its config.json
 * @throws BAD_CONFIG naming the option
 */
export function motionAdapterCheckpoint(json: Readonly<Record<string, unknown>>): Checkpoint {
  const { block_out_channels = [320, 640, 1280, 1280] } = json;
  const levels = Array.isArray(block_out_channels) ? block_out_channels.length : 0;
  const pictures = parseUnetConfig({
    attention_head_dim: 1,
    block_out_channels,
    layers_per_block: json.motion_layers_per_block,
    norm_num_groups: json.motion_norm_num_groups,
    down_block_types: Array(levels).fill('DownBlock2D'),
    up_block_types: Array(levels).fill('UpBlock2D'),
  });
  const [graph] = unetCheckpoint(withMotion(pictures, json)).graphs;
  const weights = graph.weights.filter(({ name }) => name.includes('motion_modules.'));
  return { graphs: [{ ...graph, name: 'motion adapter', weights }], unused: [] };
}
