import type { TilePlan } from '@tubelet/models';
import { blendTiles, type Tile } from '@tubelet/models';
import {
  type Buffer,
  type Device,
  type RunOptions,
  type RuntimePlan,
  readFloat32,
  upload,
} from '@tubelet/runtime';
import { joined, type LatentSize } from './model-calls.js';
import { disposeAll, latentTile, runSized, tilesOf } from './sized-plans.js';

/** One chunk of latent frames of a clip, or of a tile of it. */
export interface DecoderChunk {
  readonly chunk: 'first' | 'steady';
  readonly frames: number;
  readonly height: number;
  readonly width: number;
}

/** A video decoder that hands a cache from chunk to chunk: graphs with `latents` in, `frames` and `….next` entries out. */
export interface ChunkedDecoder {
  readonly device: Device;
  planFor(size: DecoderChunk): Promise<RuntimePlan>;
  /** Latent frames of each chunk of a clip. */
  chunks(frames: number): readonly number[];
  /** Undoes the normalisation of one value of a channel. */
  scale(value: number, channel: number): number;
}

/**
 * Decodes latents [C, F, H, W], no longer in their normalised form, chunk by chunk; with tiles all chunks of a tile after
 * another, so that all frames come at once.
 *
 * @param cut the tiles; undefined where there is no need of them
 * @param space pixels along each side of a latent
 */
export async function* decodeChunks(
  decoder: ChunkedDecoder,
  latents: Float32Array,
  size: LatentSize,
  cut: TilePlan | undefined,
  space: number,
  { signal }: RunOptions,
): AsyncGenerator<Float32Array> {
  const tiles = tilesOf(cut, size.height, size.width);
  if (!cut) {
    yield* decodeTile(decoder, latents, size, tiles[0]!, { signal });
    return;
  }
  const results = [];
  for (const tile of tiles) {
    const chunks: Float32Array[] = [];
    for await (const frames of decodeTile(decoder, latents, size, tile, { signal }))
      chunks.push(frames);
    const sides = { height: tile.height * space, width: tile.width * space };
    results.push({ ...sides, data: joined(chunks) });
  }
  const channels = 3;
  const { height, width, data } = results[0]!;
  yield blendTiles(cut, results, data.length / (height * width * channels), channels);
}

async function* decodeTile(
  { device, planFor, chunks, scale }: ChunkedDecoder,
  latents: Float32Array,
  size: LatentSize,
  tile: Tile,
  options: RunOptions,
): AsyncGenerator<Float32Array> {
  let caches: Readonly<Record<string, Buffer>> = {};
  let first = 0;
  try {
    for (const frames of chunks(size.frames)) {
      const chunk = first === 0 ? 'first' : 'steady';
      const plan = await planFor({ chunk, frames, height: tile.height, width: tile.width });
      const input = await upload(device, latentTile(latents, size, tile, first, frames, scale));
      try {
        const given = { latents: input, ...caches };
        const { frames: pictures, ...next } = await runSized(device, plan, given, options);
        disposeAll(caches);
        caches = Object.fromEntries(
          Object.entries(next).map(([name, buffer]) => [name.replace('.next', ''), buffer]),
        );
        yield await readFloat32(pictures!).finally(() => pictures!.dispose());
      } finally {
        input.dispose();
      }
      first += frames;
    }
  } finally {
    disposeAll(caches);
  }
}
