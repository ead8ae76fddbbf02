export { doubleArithmetic, type LatentsShape } from './double-arithmetic.js';
export { type CaseVerdict, checkCase, listCases } from './goldens/cases.js';
export {
  type Closeness,
  type Comparison,
  compare,
  toleranceOf,
  worstOf,
} from './goldens/closeness.js';
export { checkDitCase, checkDitDiffusersCase } from './goldens/dit.js';
export { checkFluxCase } from './goldens/flux.js';
export { goldensFolder } from './goldens/folder.js';
export { checkKlVaeCase } from './goldens/kl-vae.js';
export { onAddon } from './goldens/on-addon.js';
export { checkPixartCase } from './goldens/pixart.js';
export { type CaseResult, checkSamplerCase } from './goldens/samplers.js';
export { checkSd3Case } from './goldens/sd3.js';
export { checkTextEncoderCase } from './goldens/text-encoders.js';
export { checkTokenizerCase, type TokenizerCaseResult } from './goldens/tokenizers.js';
export { checkVitCase } from './goldens/vit.js';
export { checkVivitCase } from './goldens/vivit.js';
export { checkWanCase } from './goldens/wan.js';
export { checkWanVaeCase } from './goldens/wan-vae.js';
export { interpret, references } from './interpreter/interpret.js';
export { markdownTable, replaceSection } from './markdown-table.js';
export { countParameters } from './published/count-parameters.js';
export { randomValues, randomWeights } from './random-tensors.js';
export type { RunGraph } from './run-graph.js';
export { runOnDevice } from './run-on-device.js';
export { type FixtureTensor, readSafetensorsFixture } from './safetensors-fixture.js';
