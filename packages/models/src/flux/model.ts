import {
  activation,
  adaln,
  add,
  type Graph,
  type GraphBuilder,
  gather,
  graph,
  multiply,
  patchify,
  reshape,
  type Tensor,
  timestepEmbedding,
  unpatchify,
} from '@tubelet/graph';
import { embedder } from '../embedder.js';
import { linearLayer, type Weights, weightsOf } from '../weights.js';
import { doubleBlock, epsilon, type FluxCondition, singleBlock } from './block.js';
import type { FluxConfig } from './config.js';

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
    const { hiddenSize: D, headDim, inChannels, textDim } = config;
    const [tokens, textTokens, joint, segments] = [
      g.symbol('tokens'),
      g.symbol('textTokens'),
      g.symbol('joint'),
      g.symbol('segments'),
    ];
    const imageIndex = g.input('imageIndex', [tokens], 'i32');
    const [cos, sin] = [g.input('cos', [joint, headDim / 2]), g.input('sin', [joint, headDim / 2])];
    const table = (name: string) => g.input(name, [segments, 4], 'i32');
    const condition: FluxCondition = {
      c: activation(
        w.within('time_text_embed', (w) => embedCondition(w, config)),
        'silu',
      ), // [R, D]
      row: g.input('row', [tokens], 'i32'),
      textRow: g.input('textRow', [textTokens], 'i32'),
      jointRow: g.input('jointRow', [joint], 'i32'),
      joint: {
        index: g.input('jointIndex', [joint], 'i32'),
        imageSegments: table('imageSegments'),
        textSegments: table('textSegments'),
      },
      jointSegments: table('jointSegments'),
      imageTurn: { cos: gather(imageIndex, cos), sin: gather(imageIndex, sin) }, // [T, headDim / 2]
      jointTurn: { cos, sin },
    };
    const patches = latentPatch && latentPatches(g, latentPatch);
    const hidden = patches ? patches.open(inChannels) : g.input('hidden', [tokens, inChannels]); // [T, inChannels]
    let streams = {
      image: linearLayer(w.at('x_embedder'), hidden, D), // [T, D]
      text: linearLayer(w.at('context_embedder'), g.input('text', [textTokens, textDim]), D), // [textTokens, D]
    };
    g.cut('embedded', streams.image);
    for (let layer = 0; layer < config.doubleLayers; layer++) {
      streams = w.within(`transformer_blocks.${layer}`, (w) =>
        doubleBlock(w, streams, condition, config),
      );
      if (layer === 0) g.cut('first', streams.image);
    }
    let x = gather(condition.joint.index, streams.image, streams.text); // [joint, D]
    for (let layer = 0; layer < config.singleLayers; layer++) {
      x = w.within(`single_transformer_blocks.${layer}`, (w) =>
        singleBlock(w, x, condition, config),
      );
      if (layer === 0 && config.doubleLayers === 0) g.cut('first', x, imageIndex);
    }
    const image = gather(imageIndex, x); // [T, D]
    g.cut('last', image);
    const modulation = linearLayer(w.at('norm_out.linear'), condition.c, 2 * D); // [R, 2D]: scale, shift
    const h = adaln(image, modulation, condition.row, { epsilon, shiftColumn: D, scaleColumn: 0 });
    const y = linearLayer(w.at('proj_out'), h, config.outChannels); // [T, outChannels]
    g.output('prediction', patches ? patches.close(y) : y);
  });
}

/** Between latents and tokens (channel, row, column). */
function latentPatches(g: GraphBuilder, side: number) {
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
