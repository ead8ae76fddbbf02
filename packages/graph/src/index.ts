export { type Activation, activations } from './activation.js';
export type { AttributeValue } from './attributes.js';
export {
  type Cut,
  type CutName,
  type Graph,
  GraphBuilder,
  type GraphOutput,
  graph,
  type Node,
  type WeightOptions,
} from './builder.js';
export { type NodeCopies, nodeCopies } from './copy-nodes.js';
export { describe } from './describe.js';
export { type DType, dtypeBytes, dtypes } from './dtype.js';
export { type ErrorCode, TubeletError } from './error.js';
export type { InputSpec, OpDefinition } from './op.js';
export { type ActivationKind, activation } from './ops/activation.js';
export { adaln } from './ops/adaln.js';
export { add } from './ops/add.js';
export { type AttentionOptions, attention } from './ops/attention.js';
export { clamp } from './ops/clamp.js';
export { concat, concatColumns } from './ops/concat.js';
export { type ConvolutionOptions, convolution } from './ops/convolution.js';
export { depthToSpace } from './ops/depth_to_space.js';
export { embedding } from './ops/embedding.js';
export { gatedResidual } from './ops/gated_residual.js';
export { gather } from './ops/gather.js';
export { type GroupNormOptions, groupNorm } from './ops/group_norm.js';
export { type LayerNormOptions, layerNorm } from './ops/layer_norm.js';
export { type LinearOptions, linear } from './ops/linear.js';
export { linearCombination } from './ops/linear_combination.js';
export { multiply } from './ops/multiply.js';
export { normal } from './ops/normal.js';
export { type PatchifyOptions, patchify } from './ops/patchify.js';
export { reshape } from './ops/reshape.js';
export { type RmsNormOptions, rmsNorm } from './ops/rms_norm.js';
export { rotary } from './ops/rotary.js';
export { columns, slice } from './ops/slice.js';
export { spaceToDepth } from './ops/space_to_depth.js';
export { timestepEmbedding } from './ops/timestep_embedding.js';
export { type UnpatchifyOptions, unpatchify } from './ops/unpatchify.js';
export { upsample } from './ops/upsample.js';
export {
  type Dim,
  dimText,
  encodeDim,
  maxRank,
  type Shape,
  type SymbolicDim,
  sameShape,
  shapeText,
} from './shape.js';
export { type SplitGraph, splitGraph } from './split-graph.js';
export { opTable } from './table.js';
export {
  type Tensor,
  type TensorKind,
  tensorKinds,
  type WeightRequest,
  type WeightSource,
} from './tensor.js';
