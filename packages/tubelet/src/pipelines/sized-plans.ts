import type { Tile, TilePlan } from '@tubelet/models';
import {
  type Buffer,
  type CompileOptions,
  compile,
  type Device,
  type RunOptions,
  type RuntimePlan,
  type Weights,
} from '@tubelet/runtime';

/** A graph as {@link RuntimePlan} has it. */
type Graph = RuntimePlan['graph'];

/** Plans of graphs that are built for one size. They stay: a service decodes the same few sizes again and again. */
export function sizedPlans<Size extends object>(
  device: Device,
  weights: Weights,
  build: (size: Size) => Graph,
  options: CompileOptions,
): (size: Size) => Promise<RuntimePlan> {
  const plans = new Map<string, Promise<RuntimePlan>>();
  return (size) => {
    const key = JSON.stringify(size);
    const known = plans.get(key);
    if (known) return known;
    const made = compile(device, build(size), weights, {}, options);
    plans.set(key, made);
    made.catch(() => plans.delete(key));
    return made;
  };
}

/** Runs a plan without symbols. The outputs are the caller's to dispose of. */
export async function runSized(
  device: Device,
  plan: RuntimePlan,
  inputs: Readonly<Record<string, Buffer>>,
  options: RunOptions,
): Promise<Readonly<Record<string, Buffer>>> {
  const outputs = Object.fromEntries(
    plan.graph.outputs.map(({ name, tensor }) => [
      name,
      device.allocate(tensor.shape.reduce<number>((bytes, dim) => bytes * Number(dim), 4)),
    ]),
  );
  try {
    await plan.run({ inputs, outputs }, {}, options);
    return outputs;
  } catch (error) {
    disposeAll(outputs);
    throw error;
  }
}

export function disposeAll(buffers: Readonly<Record<string, Buffer>>): void {
  for (const buffer of Object.values(buffers)) buffer.dispose();
}

/** What an autoencoder decodes in one piece: all of a picture, or one tile of it. */
export function tilesOf(cut: TilePlan | undefined, height: number, width: number): readonly Tile[] {
  return cut?.tiles ?? [{ y: 0, x: 0, height, width }];
}

/**
 * A part of some latents, channels last and no longer normalised.
 *
 * @param latents [channels, frames, height, width]
 * @param scale of one value of a channel
 * @returns [count, tile.height, tile.width, channels]
 */
export function latentTile(
  latents: Float32Array,
  size: { readonly frames: number; readonly height: number; readonly width: number },
  tile: Tile,
  first: number,
  count: number,
  scale: (value: number, channel: number) => number,
): Float32Array {
  const channels = latents.length / (size.frames * size.height * size.width);
  const out = new Float32Array(count * tile.height * tile.width * channels);
  let at = 0;
  for (let frame = first; frame < first + count; frame++) {
    for (let y = tile.y; y < tile.y + tile.height; y++) {
      for (let x = tile.x; x < tile.x + tile.width; x++) {
        for (let c = 0; c < channels; c++)
          out[at++] = scale(
            latents[((c * size.frames + frame) * size.height + y) * size.width + x]!,
            c,
          );
      }
    }
  }
  return out;
}

/** The part of [height, width, channels] that a tile covers. */
export function pictureTile(
  whole: Float32Array,
  width: number,
  channels: number,
  tile: Tile,
): Float32Array {
  const out = new Float32Array(tile.height * tile.width * channels);
  for (let y = 0; y < tile.height; y++) {
    const from = ((tile.y + y) * width + tile.x) * channels;
    out.set(whole.subarray(from, from + tile.width * channels), y * tile.width * channels);
  }
  return out;
}
