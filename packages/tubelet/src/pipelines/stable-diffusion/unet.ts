import {
  motionAdapterCheckpoint,
  parseUnetConfig,
  type UnetConfig,
  unet,
  unetCheckpoint,
  withMotion,
} from '@tubelet/models';
import { type Device, openWeights, type Precision, type Weights } from '@tubelet/runtime';
import { type Denoiser, openDenoiser } from '../denoiser.js';
import { mergeLoras } from '../lora.js';
import { loraSets } from '../lora-sets.js';
import { type PreparedInputs, prepareCalls } from '../model-calls.js';
import { componentClass, type ModelFolder, requireCheckpoint } from '../model-folder.js';
import { chooseDiffusionScheduler } from '../scheduler.js';
import { sizedPlans } from '../sized-plans.js';
import type { Transformer } from '../transformer.js';
import type { TransformerOptions } from '../transformer-weights.js';

/** Opens the folders `unet` and `scheduler`. */
export function openUnet(
  folder: ModelFolder,
  files: TransformerOptions,
): Promise<Denoiser<UnetConfig>> {
  return openDenoiser(folder, files, {
    part: 'unet',
    parseConfig: parseUnetConfig,
    checkpoint: unetCheckpoint,
    chooseScheduler: chooseDiffusionScheduler,
  });
}

/**
 * The same with the motion modules of `motion_adapter`, as UNetMotionModel.from_unet2d joins them; a UNetMotionModel has its own
 * already, and its adapter is not read, as in diffusers.
 */
export async function openMotionUnet(
  folder: ModelFolder,
  { transformer, loras = [] }: TransformerOptions,
): Promise<Denoiser<UnetConfig>> {
  const index = await folder.json('model_index.json');
  if (componentClass(index, 'unet') === 'UNetMotionModel')
    return openUnet(folder, { transformer, loras });
  const { config, weights, schedulerConfig } = await openUnet(folder, { transformer });
  const json = await folder.json('motion_adapter', 'config.json');
  const joined = withMotion(config, json);
  const adapter = await openWeights(folder.path('motion_adapter'));
  requireCheckpoint(motionAdapterCheckpoint(json), adapter);
  const both = withTensorsOf(weights, adapter);
  return {
    config: joined,
    weights: loras.length === 0 ? both : await mergeLoras(both, loras),
    schedulerConfig,
  };
}

function withTensorsOf(weights: Weights, others: Weights): Weights {
  const tensors = new Map([...weights.tensors, ...others.tensors]);
  return { ...weights, name: `${weights.name} and ${others.name}`, tensors };
}

/** What a run of a U-Net is for, beside the length of texts. */
export interface UnetRunSize {
  readonly frames: number;
  readonly height: number;
  readonly width: number;
  readonly clips: number;
}

/** The same by names. */
function sizeOf(sizes: Readonly<Record<string, number>>): UnetRunSize {
  const { frames = 1, height = 0, width = 0, clips = 0 } = sizes;
  return { frames, height, width, clips };
}

/** A U-Net on a device: a plan for each size, of the same packed weights. `sizes` of its inputs are a {@link UnetRunSize}. */
export function unetOn(
  device: Device,
  config: UnetConfig,
  weights: Weights,
  { textTokens, precision }: { readonly textTokens: number; readonly precision: Precision },
): Transformer {
  const build = ({ clips, ...size }: UnetRunSize) => {
    const texts = Array<number>(clips).fill(textTokens);
    return unet(config, { ...size, textTokens: texts }, { channelsFirst: true });
  };
  const plansOf = (weights: Weights) => {
    const planFor = sizedPlans(device, weights, build, { precision });
    return {
      async prepare(inputs: PreparedInputs) {
        const plan = await planFor(sizeOf(inputs.sizes));
        return prepareCalls(plan, { ...inputs, sizes: {} });
      },
      split: () => undefined,
    };
  };
  const whole = plansOf(weights);
  // Merged once for all sizes: a U-Net has a graph for each.
  const sets = loraSets(async (loras) => plansOf(await mergeLoras(weights, loras)));
  return {
    ...whole,
    withLoras: (loras, work) => (loras.length === 0 ? work(whole) : sets.lend(loras, work)),
  };
}

/**
 * The guidance scale as a consistency model's U-Net is told it (diffusers 0.42.1, get_guidance_scale_embedding): sines, then cosines,
 * in float32.
 */
export function guidanceEmbedding(scale: number, width: number): Float32Array {
  const { fround } = Math;
  const half = Math.floor(width / 2);
  const rate = fround(fround(Math.log(10000)) / (half - 1));
  const time = fround(fround(scale - 1) * 1000);
  const out = new Float32Array(width);
  for (let i = 0; i < half; i++) {
    const angle = fround(time * fround(Math.exp(fround(-rate * i))));
    out[i] = Math.sin(angle);
    out[half + i] = Math.cos(angle);
  }
  return out;
}
