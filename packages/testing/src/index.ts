export { doubleArithmetic, type LatentsShape } from './double-arithmetic.js';
export { type CaseVerdict, checkCase, listCases } from './goldens/cases.js';
export { goldensFolder } from './goldens/folder.js';
export { type CaseResult, checkSamplerCase } from './goldens/samplers.js';
export { checkTokenizerCase, type TokenizerCaseResult } from './goldens/tokenizers.js';
export { type FixtureTensor, readSafetensorsFixture } from './safetensors-fixture.js';
