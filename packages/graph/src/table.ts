import type { OpDefinition } from './op.js';
import { activationOp } from './ops/activation.js';
import { adalnOp } from './ops/adaln.js';
import { addOp } from './ops/add.js';
import { attentionOp } from './ops/attention.js';
import { clampOp } from './ops/clamp.js';
import { concatOp } from './ops/concat.js';
import { convolutionOp } from './ops/convolution.js';
import { depthToSpaceOp } from './ops/depth_to_space.js';
import { embeddingOp } from './ops/embedding.js';
import { gatedResidualOp } from './ops/gated_residual.js';
import { gatherOp } from './ops/gather.js';
import { groupNormOp } from './ops/group_norm.js';
import { layerNormOp } from './ops/layer_norm.js';
import { linearOp } from './ops/linear.js';
import { linearCombinationOp } from './ops/linear_combination.js';
import { multiplyOp } from './ops/multiply.js';
import { normalOp } from './ops/normal.js';
import { patchifyOp } from './ops/patchify.js';
import { reshapeOp } from './ops/reshape.js';
import { rmsNormOp } from './ops/rms_norm.js';
import { rotaryOp } from './ops/rotary.js';
import { sliceOp } from './ops/slice.js';
import { spaceToDepthOp } from './ops/space_to_depth.js';
import { timestepEmbeddingOp } from './ops/timestep_embedding.js';
import { unpatchifyOp } from './ops/unpatchify.js';
import { upsampleOp } from './ops/upsample.js';

/** Every op this package can build, in the order of native/ops/ops.def. */
export const opTable: readonly OpDefinition[] = [
  linearOp,
  layerNormOp,
  adalnOp,
  rmsNormOp,
  groupNormOp,
  gatedResidualOp,
  rotaryOp,
  attentionOp,
  embeddingOp,
  timestepEmbeddingOp,
  patchifyOp,
  unpatchifyOp,
  activationOp,
  addOp,
  multiplyOp,
  clampOp,
  convolutionOp,
  upsampleOp,
  depthToSpaceOp,
  spaceToDepthOp,
  concatOp,
  gatherOp,
  linearCombinationOp,
  normalOp,
  reshapeOp,
  sliceOp,
];
