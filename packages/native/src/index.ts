export type {
  Addon,
  Buffer,
  Bytes,
  Device,
  DeviceDescription,
  DeviceOptions,
  DType,
  Graph,
  Isa,
  OpDescription,
  Plan,
  PlanExplanation,
  Precision,
  TensorDescription,
  WeightPart,
} from './binding.js';
export { loadAddon } from './load-addon.js';
