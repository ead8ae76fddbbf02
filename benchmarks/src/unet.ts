import {
  type DitConfig,
  dit,
  ditPreset,
  packDit,
  parseUnetConfig,
  type UnetConfig,
  unet,
} from '@tubelet/models';
import {
  compile,
  type Device,
  openDevice,
  type Precision,
  previewPlan,
  type RuntimePlan,
} from '@tubelet/runtime';
import { countParameters } from '@tubelet/testing';
import { type BoundPlan, bindPlan } from './bound-plan.js';
import { type Ceiling, ceilingNote, ceilingPercent, measureCeiling } from './ceiling.js';
import { ditInputs } from './dit-run.js';
import type { Options } from './options.js';
import { randomTensor, randomWeightsOf } from './random-weights.js';
import { type Measured, ownRow, type Row } from './report.js';
import { interleave } from './rounds.js';

/** Pixels along each side of one latent. */
const space = 8;

/** Channels of a head at every level, and of a group: those of the first level of Stable Diffusion 1.5. */
const [headDim, groupChannels] = [40, 10];

/** Tokens of a text, and their width, as Stable Diffusion 1.5 reads them. */
const [textTokens, textWidth] = [77, 768];

const equalNote =
  'the U-Net has the form of Stable Diffusion 1.5 (levels of 1, 2, 4 and 4 widths, two layers each, attention in the first three, ' +
  `text of ${textTokens} tokens) with heads of ${headDim} channels, and the width whose FLOPs come nearest to the DiT's`;
const limitNote =
  'equal compute of one forward with random weights: what either costs, not what either learns from it';

/** DiTs and U-Nets of the same FLOPs in turns: time, memory, and what the FLOPs are spent on. */
export async function benchUnet(options: Options): Promise<Measured> {
  const { threads, models, pixels, precisions } = options;
  const ceiling = measureCeiling(threads);
  const rows: Row[] = [];
  const notes = [ceilingNote, equalNote, limitNote];
  using device = openDevice({ threads });
  for (const side of pixels.map((length) => length / space)) {
    for (const model of models) {
      const config = ditPreset(model, side);
      const width = await widthOfEqualFlops(device, config, side);
      const open = [ditOpener(device, config), unetOpener(device, unetOfWidth(width), side)];
      for (const precision of precisions) {
        const plans = await Promise.all(open.map((each) => each(precision)));
        const works = [
          `${side}x${side} latents, ${model}`,
          `${side}x${side} latents, U-Net of ${width}`,
        ];
        const contestants = plans.map(({ run }, i) => ({ name: works[i], run }));
        const { milliseconds, note } = await interleave(
          `${works[0]} ${precision}`,
          contestants,
          options,
        );
        const tokens = [(side / config.patchSize) ** 2, side * side];
        plans.forEach((bound, i) => {
          rows.push(
            measuredRow(works[i], bound, ceiling, {
              precision,
              oursMs: milliseconds[i],
              tokens: tokens[i],
            }),
          );
          bound.dispose();
        });
        notes.push(note);
      }
    }
  }
  return { isa: device.isa, threads, rows, notes };
}

interface Run {
  readonly precision: Precision;
  readonly oursMs: number;
  readonly tokens: number;
}

function measuredRow(work: string, { flops, plan }: BoundPlan, ceiling: Ceiling, run: Run): Row {
  const { precision, oursMs, tokens } = run;
  return ownRow(work, precision, oursMs, {
    ceilingPercent: ceilingPercent(ceiling, { flops, milliseconds: oursMs, dtype: precision }),
    details: {
      GFLOP: flops / 1e9,
      'ms a GFLOP': (1e9 * oursMs) / flops,
      tokens,
      ...shares(plan),
      'M parameters': countParameters(plan.graph) / 1e6,
      'arena MB': plan.arenaBytes / 1e6,
      'packed MB': plan.packedBytes / 1e6,
    },
  });
}

/** @param width of the first level, a multiple of the head's */
export function unetOfWidth(width: number): UnetConfig {
  const widths = [width, 2 * width, 4 * width, 4 * width];
  return parseUnetConfig({
    attention_head_dim: widths.map((each) => each / headDim),
    block_out_channels: widths,
    cross_attention_dim: textWidth,
    norm_num_groups: width / groupChannels,
  });
}

/** The width whose FLOPs come nearest; they grow with it. */
async function widthOfEqualFlops(device: Device, config: DitConfig, side: number): Promise<number> {
  const flopsOf = async (...plan: Parameters<typeof previewPlan>) =>
    (await previewPlan(...plan)).nodes.reduce((sum, { flops }) => sum + flops, 0);
  const wanted = await flopsOf(device, dit(config), packDit(config, 1).sizes);
  let width = headDim;
  let flops = 0;
  while (true) {
    const before = flops;
    flops = await flopsOf(device, graphOf(unetOfWidth(width), side));
    if (flops >= wanted)
      return before > 0 && wanted - before < flops - wanted ? width - headDim : width;
    width += headDim;
  }
}

function graphOf(config: UnetConfig, side: number) {
  return unet(config, { height: side, width: side, textTokens: [textTokens] });
}

type Opener = (precision: Precision) => Promise<BoundPlan>;

/** One picture; every precision has the same weights. */
function ditOpener(device: Device, config: DitConfig): Opener {
  const graph = dit(config);
  const weights = randomWeightsOf(graph);
  const { sizes, inputs } = packDit(config, 1);
  const { latents, timestep, label } = ditInputs(config, 1);
  return async (precision) => {
    const plan = await compile(device, graph, weights, sizes, { precision });
    return bindPlan(device, plan, { ...inputs, latents, timestep, label }, sizes);
  };
}

function unetOpener(device: Device, config: UnetConfig, side: number): Opener {
  const graph = graphOf(config, side);
  const weights = randomWeightsOf(graph);
  const latents = randomTensor('latents', [1, side, side, config.inChannels]);
  const text = randomTensor('text', [textTokens, textWidth]);
  return async (precision) => {
    const plan = await compile(device, graph, weights, {}, { precision });
    return bindPlan(device, plan, { latents, text, timestep: Float32Array.of(999) });
  };
}

/** Percent of the FLOPs by kind. */
function shares(plan: RuntimePlan) {
  const { nodes } = plan.explain();
  const flopsOf = (op?: string) =>
    nodes.reduce((sum, node) => sum + (op === undefined || node.op === op ? node.flops : 0), 0);
  const percent = (op: string) => (100 * flopsOf(op)) / flopsOf();
  return {
    'linear %': percent('linear'),
    'attention %': percent('attention'),
    'convolution %': percent('convolution'),
  };
}
