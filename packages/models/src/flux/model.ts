import {
  activation,
  add,
  type Graph,
  type GraphBuilder,
  graph,
  multiply,
  patchify,
  reshape,
  type Tensor,
  timestepEmbedding,
  unpatchify,
} from '@tubelet/graph';
import { embedder } from '../embedder.js';
import { continuousHead } from '../heads.js';
import { linearLayer, type Weights, weightsOf } from '../weights.js';
import type { FluxConfig } from './config.js';
import { fluxBlocks, fluxInputs } from './stack.js';

export interface FluxOptions {
  /** Takes and gives latents instead of tokens, which are their patches of this many rows and columns: the pipeline's 2. */
  readonly latentPatch?: number;
}

/**
 * FLUX.1 (Black Forest Labs 2024; diffusers 0.42.1, FluxTransformer2DModel) for images of any sizes packed one after another;
 * `packFlux` makes the index tensors. Tokens come as the pipeline packs them, (channel, row, column) of 2x2 latents.
 *
 * Inputs: hidden f32 [tokens, inChannels], text f32 [textTokens, textDim], pooled f32 [rows, pooledDim], timestep f32 [rows] in
 * 0 to 1, with guidance embedding guidance f32 [rows] (the scale); row i32 [tokens], textRow i32 [textTokens], jointRow i32
 * [joint], jointIndex i32 [joint], imageIndex i32 [tokens], imageSegments, textSegments and jointSegments i32 [segments, 4],
 * cos and sin f32 [joint, headDim / 2].
 * Output: prediction f32 [tokens, outChannels]. With `latentPatch`, latents f32 [elements] and geometry i32 [segments, 5] stand in
 * place of hidden, and prediction is f32 [elements].
 */
export function fluxTransformer(config: FluxConfig, { latentPatch }: FluxOptions = {}): Graph {
  return graph('flux', (g) => {
    const w = weightsOf(g);
    const { hiddenSize: D, inChannels, outChannels, textDim } = config;
    const [tokens, textTokens] = [g.symbol('tokens'), g.symbol('textTokens')];
    const condition = {
      ...fluxInputs(g, config),
      c: activation(
        w.within('time_text_embed', (w) => embedCondition(w, config)),
        'silu',
      ), // [R, D]
      row: g.input('row', [tokens], 'i32'),
      textRow: g.input('textRow', [textTokens], 'i32'),
    };
    const patches = latentPatch && tokenPatches(g, latentPatch);
    const hidden = patches ? patches.open(inChannels) : g.input('hidden', [tokens, inChannels]); // [T, inChannels]
    const streams = {
      image: linearLayer(w.at('x_embedder'), hidden, D), // [T, D]
      text: linearLayer(w.at('context_embedder'), g.input('text', [textTokens, textDim]), D), // [textTokens, D]
    };
    const image = fluxBlocks(w, streams, condition, config); // [T, D]
    const y = continuousHead(w, image, condition.c, condition.row, outChannels); // [T, outChannels]
    g.output('prediction', patches ? patches.close(y) : y);
  });
}

/** Between latents and tokens (channel, row, column). */
function tokenPatches(g: GraphBuilder, side: number) {
  const geometry = g.input('geometry', [g.symbol('segments'), 5], 'i32');
  const elements = g.symbol('elements');
  const patch = { patchT: 1, patchH: side, patchW: side, order: 'channel_first' } as const;
  const tokens = g.symbol('tokens');
  return {
    open: (width: number) =>
      patchify(g.input('latents', [elements]), geometry, {
        channels: width / side ** 2,
        ...patch,
        tokens,
      }), // [T, width]
    close: (y: Tensor) =>
      unpatchify(y, geometry, { channels: Number(y.shape[1]) / side ** 2, ...patch, elements }), // [elements]
  };
}

/** Timestep, guidance where it is an input, and pooled text. Both numbers are multiplied by 1000 here, as in the original. */
function embedCondition(w: Weights, { hiddenSize: D, pooledDim, guidance }: FluxConfig): Tensor {
  const { g } = w;
  const rows = g.symbol('rows');
  const thousand = g.constant('thousand', Float32Array.of(1000));
  const features = (input: string) => {
    const x = reshape(g.input(input, [rows]), [rows, 1]);
    return timestepEmbedding(reshape(multiply(x, thousand), [rows]), { dim: 256 }); // [R, 256]
  };
  const time = embedder(w.at('timestep_embedder'), features('timestep'), D); // [R, D]
  const told = guidance
    ? add(time, embedder(w.at('guidance_embedder'), features('guidance'), D))
    : time;
  return add(told, embedder(w.at('text_embedder'), g.input('pooled', [rows, pooledDim]), D));
}
