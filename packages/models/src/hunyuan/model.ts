import {
  activation,
  add,
  type Graph,
  gather,
  graph,
  reshape,
  type Tensor,
  timestepEmbedding,
} from '@tubelet/graph';
import { embedder, segmentMean } from '../embedder.js';
import { fluxBlocks, fluxInputs } from '../flux/stack.js';
import { continuousHead } from '../heads.js';
import { latentPatches, type Patch, predictLatents } from '../patches.js';
import { linearLayer, type Weights, weightsOf } from '../weights.js';
import { type RefinerCondition, refinerBlock } from './block.js';
import type { HunyuanConfig } from './config.js';

/**
 * HunyuanVideo (Kong et al. 2024; diffusers 0.42.1, HunyuanVideoTransformer3DModel) for clips of any sizes packed one after
 * another; `packHunyuan` makes the index tensors. Padding of the text is left out.
 *
 * Inputs: latents f32 [elements], geometry and outputGeometry i32 [segments, 5], text f32 [textTokens, textDim], pooled f32
 * [segments, pooledDim], timestep f32 [segments], with guidance embedding guidance f32 [segments] (the scale times 1000);
 * row i32 [tokens], textRow i32 [textTokens], jointRow and jointIndex i32 [joint], imageIndex i32 [tokens], imageSegments,
 * textSegments, jointSegments, textSelfSegments and textMeanSegments i32 [segments, 4], cos and sin f32 [joint, headDim / 2].
 * With `token_replace` also clipRow i32 [tokens] and rowIndex i32 [rows]: a clip has a second row then, its first frame's.
 * Output: prediction f32 [outputElements].
 */
export function hunyuanTransformer(config: HunyuanConfig): Graph {
  return graph('hunyuan', (g) => {
    const w = weightsOf(g);
    const { patchSize, patchSizeT, outChannels } = config;
    const patch = { patchT: patchSizeT, patchH: patchSize, patchW: patchSize };
    const [tokens, segments] = [g.symbol('tokens'), g.symbol('segments')];
    const timestep = g.input('timestep', [segments]);
    const features = timestepEmbedding(timestep, { dim: 256 }); // [S, 256]
    const conditions = w.within('time_text_embed', (w) => embedCondition(w, features, config));
    const c = activation(conditions.clip, 'silu'); // [S, D]
    const row = g.input('row', [tokens], 'i32');
    const textRow = g.input('textRow', [g.symbol('textTokens')], 'i32');
    const condition = {
      ...fluxInputs(g, config),
      c: conditions.firstFrame
        ? gather(
            g.input('rowIndex', [g.symbol('rows')], 'i32'),
            c,
            activation(conditions.firstFrame, 'silu'),
          )
        : c, // [R, D]
      row,
      textRow,
    };
    const streams = {
      image: w.within('x_embedder', (w) => embedLatents(w, patch, config)), // [T, D]
      text: w.within('context_embedder', (w) =>
        refineText(w, { timestep, features, textRow }, config),
      ), // [textTokens, D]
    };
    const image = fluxBlocks(w, streams, condition, config); // [T, D]
    const clipRow = conditions.firstFrame ? g.input('clipRow', [tokens], 'i32') : row;
    const y = continuousHead(w, image, c, clipRow, patchSizeT * patchSize ** 2 * outChannels); // [T, outChannels·patch]
    predictLatents(g, y, patch, 'channel_first');
  });
}

function embedLatents(w: Weights, patch: Patch, config: HunyuanConfig): Tensor {
  const { hiddenSize: D, inChannels } = config;
  const storedShape = [D, inChannels, patch.patchT, patch.patchH, patch.patchW];
  return linearLayer(w.at('proj'), latentPatches(w.g, inChannels, patch), D, { storedShape });
}

/**
 * Timestep, pooled text, and guidance where it is an input: of a clip, and with `token_replace` of its first frame, which
 * stands at timestep 0 and knows no guidance. Each [S, D].
 */
function embedCondition(
  w: Weights,
  features: Tensor,
  { hiddenSize: D, pooledDim, guidance, imageCondition }: HunyuanConfig,
): { readonly clip: Tensor; readonly firstFrame?: Tensor } {
  const { g } = w;
  const segments = g.symbol('segments');
  const timeOf = (features: Tensor) => embedder(w.at('timestep_embedder'), features, D);
  const pooled = embedder(w.at('text_embedder'), g.input('pooled', [segments, pooledDim]), D);
  const time = timeOf(features);
  const scale = () => timestepEmbedding(g.input('guidance', [segments]), { dim: 256 });
  const told = guidance ? add(time, embedder(w.at('guidance_embedder'), scale(), D)) : time;
  const clip = add(told, pooled); // [S, D]
  if (imageCondition !== 'token_replace') return { clip };
  const zero = timestepEmbedding(g.constant('zero', Float32Array.of(0)), { dim: 256 }); // [1, 256]
  return { clip, firstFrame: add(pooled, reshape(timeOf(zero), [D])) };
}

/** HunyuanVideoTokenRefiner: text attends itself, conditioned by the timestep and its own mean. */
function refineText(
  w: Weights,
  given: { readonly timestep: Tensor; readonly features: Tensor; readonly textRow: Tensor },
  config: HunyuanConfig,
): Tensor {
  const { g } = w;
  const { hiddenSize: D, textDim } = config;
  const segments = g.symbol('segments');
  const table = (name: string) => g.input(name, [segments, 4], 'i32');
  const text = g.input('text', [g.symbol('textTokens'), textDim]);
  const mean = segmentMean(text, table('textMeanSegments'), reshape(given.timestep, [segments, 1])); // [S, textDim]
  const embed = w.at('time_text_embed');
  const time = embedder(embed.at('timestep_embedder'), given.features, D); // [S, D]
  const condition: RefinerCondition = {
    c: activation(add(time, embedder(embed.at('text_embedder'), mean, D)), 'silu'), // [S, D]
    textRow: given.textRow,
    textSelfSegments: table('textSelfSegments'),
  };
  let y = linearLayer(w.at('proj_in'), text, D); // [textTokens, D]
  for (let layer = 0; layer < config.refinerLayers; layer++) {
    y = w.within(`token_refiner.refiner_blocks.${layer}`, (w) =>
      refinerBlock(w, y, condition, config),
    );
  }
  return y;
}
