import { type GraphBuilder, patchify, reshape, type Tensor, unpatchify } from '@tubelet/graph';
import { imageGeometry, startsOf } from '../packing.js';
import type { UnetSize } from './grid.js';

/** Every place of a picture is a patch of its own. */
const place = { patchT: 1, patchH: 1, patchW: 1, order: 'channel_last' } as const;

/** From clips [C, F, H, W] one after another, the input `latents` f32 [elements], to pictures [N, H, W, C]. */
export function openClips(g: GraphBuilder, size: UnetSize, channels: number): Tensor {
  const { height, width, frames = 1, textTokens } = size;
  const pictures = textTokens.length * frames;
  const { geometry, elements } = geometryOf(g, 'latents', size, channels);
  const options = { ...place, channels, tokens: pictures * height * width };
  const places = patchify(g.input('latents', [elements]), geometry, options);
  return reshape(places, [pictures, height, width, channels]);
}

/** Back: [N, H, W, C] -> [elements] */
export function closeClips(g: GraphBuilder, size: UnetSize, y: Tensor): Tensor {
  const [n, height, width, channels] = y.shape.map(Number) as [number, number, number, number];
  const { geometry, elements } = geometryOf(g, 'prediction', size, channels);
  const places = reshape(y, [n * height * width, channels]);
  return unpatchify(places, geometry, { ...place, channels, elements });
}

function geometryOf(g: GraphBuilder, of: string, size: UnetSize, channels: number) {
  const { height, width, frames = 1, textTokens } = size;
  const clips = textTokens.map(() => ({ frames, height, width }));
  const starts = startsOf(clips.map(() => frames * height * width));
  const { geometry, elements } = imageGeometry(clips, channels, starts);
  return { geometry: g.constant(`${of}.geometry`, geometry, [clips.length, 5]), elements };
}
