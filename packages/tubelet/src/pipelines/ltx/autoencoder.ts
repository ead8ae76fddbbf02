import {
  blendTiles,
  type LtxVaeConfig,
  type LtxVaeSize,
  ltxVaeCheckpoint,
  ltxVaeDecoder,
  ltxVaeEncoder,
  needsLtxTiles,
  parseLtxVaeConfig,
  planLtxDecode,
} from '@tubelet/models';
import {
  type Buffer,
  type Device,
  type Precision,
  type RunOptions,
  type RuntimePlan,
  readFloat32,
  readValues,
  upload,
  type Weights,
} from '@tubelet/runtime';
import type { LatentMath } from '../latents.js';
import type { LatentSize } from '../model-calls.js';
import { type ModelFolder, openComponent } from '../model-folder.js';
import type { DecodeOptions } from '../pipeline.js';
import { encodePosterior, posteriorStream } from '../posterior.js';
import { disposeAll, latentTile, runSized, sizedPlans, tilesOf } from '../sized-plans.js';

/** Streams of a seed's noise: of the decoder's input, and inside it. */
const streams = { decode: posteriorStream + 1, inside: posteriorStream + 2 } as const;

export interface LtxDecodeOptions extends DecodeOptions {
  readonly seed: number;
}

/** An AutoencoderKLLTXVideo. */
export interface LtxAutoencoder {
  readonly config: LtxVaeConfig;
  readonly weights: Weights;
  /**
   * @param latents [channels, frames, height, width], normalised
   * @returns all frames at once: [F, H, W, channels], about [-1, 1]
   */
  decode(
    latents: Float32Array,
    size: LatentSize,
    options: LtxDecodeOptions,
  ): AsyncGenerator<Float32Array>;
  /**
   * @param pixels [height, width, 3] in [-1, 1]
   * @returns a sample of the posterior, normalised: [channels, 1, h, w]
   */
  encodeImage(
    pixels: Float32Array,
    height: number,
    width: number,
    options: RunOptions & { readonly seed: number },
  ): Promise<Float32Array>;
}

export async function loadLtxAutoencoder(
  device: Device,
  math: LatentMath,
  folder: ModelFolder,
  precision: Precision,
): Promise<LtxAutoencoder> {
  const { config, weights } = await openComponent(
    folder,
    'vae',
    parseLtxVaeConfig,
    ltxVaeCheckpoint,
  );
  const { latentChannels: z, outChannels, scalingFactor, space, timestepConditioning } = config;
  const perChannel = async (name: string, absent: number) =>
    weights.tensors.has(name) ? readValues(weights, name) : new Float32Array(z).fill(absent);
  const [mean, std] = [await perChannel('latents_mean', 0), await perChannel('latents_std', 1)];
  const plans = <Size extends LtxVaeSize>(build: (config: LtxVaeConfig, size: Size) => Graph) =>
    sizedPlans(device, weights, (size: Size) => build(config, size), { precision });
  const decoderFor = plans(ltxVaeDecoder);
  const encoderFor = plans(ltxVaeEncoder);

  /** The noise that convolutions of the decoder add, each once for all frames. */
  const noiseInside = async (plan: RuntimePlan, seed: number) => {
    const names = plan.graph.inputs.filter(({ name }) => name.startsWith('noise'));
    const inputs: Record<string, Buffer> = {};
    for (const [i, { name, shape }] of names.entries()) {
      const elements = shape.reduce<number>((product, dim) => product * Number(dim), 1);
      inputs[name] = device.allocate(4 * elements);
      await math.noise(seed, streams.inside + i, elements, inputs[name]);
    }
    return inputs;
  };

  /** No longer normalised, and with noise where the decoder expects it. */
  const decoderInput = async (latents: Float32Array, options: LtxDecodeOptions) => {
    const each = latents.length / z;
    const out = latents.map((value, i) => {
      const channel = Math.floor(i / each);
      return (value * std[channel]!) / scalingFactor + mean[channel]!;
    });
    if (!timestepConditioning) return out;
    const noise = await math.noiseValues(options.seed, streams.decode, out.length);
    const { decodeNoiseScale: share } = options;
    return out.map((value, i) => (1 - share) * value + share * noise[i]!);
  };

  return {
    config,
    weights,
    async *decode(latents, size, options) {
      const { height, width } = size;
      const isTiled = options.tiling && needsLtxTiles(config, size, 'decode');
      const cut = isTiled ? planLtxDecode(config, height, width) : undefined;
      const given = await decoderInput(latents, options);
      const results = [];
      for (const tile of tilesOf(cut, height, width)) {
        const plan = await decoderFor({
          frames: size.frames,
          height: tile.height,
          width: tile.width,
        });
        const part = latentTile(given, size, tile, 0, size.frames, (value) => value);
        const inputs: Record<string, Buffer> = await noiseInside(plan, options.seed);
        try {
          inputs.latents = await upload(device, part);
          if (timestepConditioning)
            inputs.timestep = await upload(device, Float32Array.of(options.decodeTimestep));
          const { frames } = await runSized(device, plan, inputs, { signal: options.signal });
          const data = await readFloat32(frames!).finally(() => frames!.dispose());
          results.push({ height: tile.height * space, width: tile.width * space, data });
        } finally {
          disposeAll(inputs);
        }
      }
      const { height: h, width: w, data } = results[0]!;
      yield cut ? blendTiles(cut, results, data.length / (h * w * outChannels), outChannels) : data;
    },
    async encodeImage(pixels, height, width, options) {
      const plan = await encoderFor({ frames: 1, height, width });
      const encoder = { device, math, plan, channels: z };
      const sample = await encodePosterior(encoder, pixels, options);
      const area = sample.length / z;
      return sample.map((value, i) => {
        const channel = Math.floor(i / area);
        return (value - mean[channel]!) / std[channel]!;
      });
    },
  };
}

type Graph = RuntimePlan['graph'];
