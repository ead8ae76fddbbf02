export type {
  Buffer,
  Device,
  DeviceDescription,
  Isa,
  PlanExplanation,
  Precision,
} from '@tubelet/native';
export { availableThreads } from './available-threads.js';
export {
  compareWeights,
  describeFaults,
  requireWeights,
  type WeightFaults,
  type WeightRules,
} from './compare-weights.js';
export {
  type CompileOptions,
  compile,
  type NodeTime,
  previewPlan,
  type RunBuffers,
  type RunOptions,
  type RuntimePlan,
  type Sizes,
} from './compile.js';
export { type DeviceOptions, devices, fastestPrecision, openDevice } from './device.js';
export { findNonFinite } from './find-non-finite.js';
export { type GrowingPlan, growingPlan } from './growing-plan.js';
export { lowRankBranches } from './low-rank-branches.js';
export { type LowRankUpdate, mergedWeights } from './merged-weights.js';
export { type RenamedPart, renamedWeights } from './renamed-weights.js';
export { type ResolvedPart, resolveWeights } from './resolve-weights.js';
export {
  maxHeaderBytes,
  parseSafetensors,
  type SafetensorsEntry,
  type SafetensorsHeader,
} from './safetensors.js';
export { type SplitPlan, splitPlan } from './split-plan.js';
export type { StoredDType } from './stored-dtype.js';
export { readFloat32, readInt32, upload } from './transfer.js';
export {
  listNames,
  openWeights,
  readStored,
  readValues,
  type StoredTensor,
  type TensorData,
  type WeightStore,
  type Weights,
  weightsOf,
  weightsUnder,
} from './weights.js';
