import type { LlamaConfig } from './llama-config.js';
import { packTexts, type TextPacking, type TextTokens } from './pack.js';

/** Texts laid one after another: the inputs of {@link llamaEncoder}. */
export interface LlamaTextPacking extends TextPacking {
  readonly inputs: TextPacking['inputs'] & {
    /** [tokens, headDim / 2], counted from each text's start */
    readonly cos: Float32Array;
    readonly sin: Float32Array;
  };
}

/** Angles in double, rounded to float32. */
export function packLlamaTexts(
  config: LlamaConfig,
  texts: readonly TextTokens[],
): LlamaTextPacking {
  const packing = packTexts(config, texts);
  const pairs = config.headDim / 2;
  const cos = new Float32Array(packing.sizes.tokens * pairs);
  const sin = new Float32Array(cos.length);
  let at = 0;
  for (const { ids } of texts) {
    for (let position = 0; position < ids.length; position++) {
      for (let pair = 0; pair < pairs; pair++) {
        const angle = position / config.ropeTheta ** (pair / pairs);
        cos[at] = Math.cos(angle);
        sin[at++] = Math.sin(angle);
      }
    }
  }
  return { ...packing, inputs: { ...packing.inputs, cos, sin } };
}
