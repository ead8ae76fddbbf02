import { type WriteVideoOptions, writeVideo } from '../media/index.js';

/** A generated clip, or a still of one frame. */
export interface Video {
  /** One array of width·height·3 bytes per frame, RGB, row by row. */
  readonly frames: readonly Uint8Array[];
  /** What the frames were decoded from, normalised: [channels, latent frames, height, width]. */
  readonly latents: Float32Array;
  readonly width: number;
  readonly height: number;
  /** Frames a second. */
  readonly fps: number;
  readonly seed: number;
  /** What the caller should know: a prompt that was cut, … */
  readonly warnings: readonly string[];
  /**
   * Writes an mp4, gif, webp, png (several frames: a sheet) or jpg (one frame), by the path's extension. The same video and
   * options give the same bytes.
   *
   * @throws TubeletError BAD_INPUT, UNSUPPORTED, IO or ABORTED; the file is then as it was before
   */
  save(path: string, options?: WriteVideoOptions): Promise<void>;
}

export function video(of: Omit<Video, 'save'>): Video {
  return { ...of, save: (path, options) => writeVideo(path, of, options) };
}

/**
 * Pixels as an autoencoder gives them to bytes, rounded as diffusers' VideoProcessor does.
 *
 * @param values about [-1, 1]; others become the nearest byte
 */
export function toBytes(values: Float32Array): Uint8Array {
  const bytes = new Uint8Array(values.length);
  for (let i = 0; i < values.length; i++) {
    const share = Math.min(1, Math.max(0, values[i]! / 2 + 0.5));
    bytes[i] = Math.round(share * 255);
  }
  return bytes;
}

/** A picture before it is rounded to bytes: [height, width, 3] in [0, 1]. */
export interface RgbValues {
  readonly data: Float32Array;
  readonly width: number;
  readonly height: number;
}

/** Bytes to pixels in [-1, 1], as an autoencoder takes them. */
export function fromBytes(bytes: Uint8Array): Float32Array {
  return Float32Array.from(bytes, (byte) => (byte / 255) * 2 - 1);
}
