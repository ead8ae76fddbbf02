import { TubeletError } from '../../errors.js';
import type { ClipImages } from '../clip-images.js';
import { bytesOf, pixelsOf, readPicture } from '../first-frame.js';
import { joined, type LatentSize } from '../model-calls.js';
import type { CheckedRequest, GenerateRequest } from '../request.js';
import type { AutoencoderOptions, WanAutoencoder } from './autoencoder.js';

/** What a request's images become. */
export interface ImageCondition {
  /** Channels behind the latents: the mask's, then the images' latents, [time + channels, F, h, w]. */
  readonly behind: Float32Array;
  /** [images·tokens, dim] */
  readonly imageTokens?: Float32Array;
}

/**
 * The images of WanImageToVideoPipeline without `expand_timesteps` (diffusers 0.42.1): encoded as the first and the last frame of a
 * grey clip, behind a mask of the given frames; the image encoder sees each as it came.
 *
 * @param time frames of a latent frame after the first
 */
export async function encodeImages(
  autoencoder: WanAutoencoder,
  encoder: ClipImages | undefined,
  { image, lastImage, onProgress }: GenerateRequest,
  checked: CheckedRequest,
  time: number,
  options: AutoencoderOptions,
): Promise<ImageCondition> {
  onProgress?.({ stage: 'image', done: 0, total: 1 });
  const first = await readPicture(image!);
  const last = lastImage === undefined ? undefined : await readPicture(lastImage);
  const { numFrames, latent } = checked;
  const pictures = new Map([[0, pixelsOf(first, checked)]]);
  if (last) pictures.set(numFrames - 1, pixelsOf(last, checked, 'lastImage'));
  const size = { frames: numFrames, height: checked.height, width: checked.width };
  const latents = await autoencoder.encode(pictures, size, options);
  const shown = last ? [first, last] : [first];
  const imageTokens = await encoder?.encode(shown.map(bytesOf), options);
  onProgress?.({ stage: 'image', done: 1, total: 1 });
  const behind = joined([givenFrames(latent, time, last !== undefined), latents]);
  return { behind, ...(imageTokens && { imageTokens }) };
}

/** 1 where a frame is given: a channel for each frame of a latent frame; the first stands in all of them, [time, F, h, w]. */
function givenFrames({ frames, height, width }: LatentSize, time: number, hasLast: boolean) {
  const area = height * width;
  const mask = new Float32Array(time * frames * area);
  for (let i = 0; i < time; i++) mask.fill(1, i * frames * area, (i * frames + 1) * area);
  if (hasLast) mask.fill(1, mask.length - area);
  return mask;
}

/** A last image stands in a latent frame of its own. @throws TubeletError BAD_INPUT */
export function requireRoomForLast(
  { lastImage }: GenerateRequest,
  { numFrames }: CheckedRequest,
): void {
  if (lastImage === undefined || numFrames > 1) return;
  const message = `numFrames must be = more than 1 with lastImage, got ${numFrames}`;
  throw new TubeletError('BAD_INPUT', 'generate', message);
}
