import { TubeletError } from '@tubelet/graph';
import { clipImageTokens } from '../clip-vision/config.js';
import { packClipImages } from '../clip-vision/pack.js';
import { type LlamaTextPacking, packLlamaTexts } from '../text-encoder/llama-pack.js';
import { type LlavaConfig, llavaImageTokens } from './config.js';

/** Everything of {@link llavaImages}' inputs but the pixels. */
export function packLlavaImages(config: LlavaConfig, count: number) {
  const { sizes, inputs } = packClipImages(config.vision, count);
  const { classIndex: _, ...used } = inputs;
  const each = clipImageTokens(config.vision);
  const kept = [...inputs.position.keys()].filter((t) => config.hasClassToken || t % each !== 0);
  return {
    sizes: { ...sizes, imageTokens: kept.length },
    inputs: { ...used, featureIndex: Int32Array.from(kept) },
  };
}

/** Everything of {@link llavaEncoder}'s inputs but the features. */
export interface LlavaTextPacking extends Omit<LlamaTextPacking, 'sizes' | 'inputs'> {
  readonly sizes: LlamaTextPacking['sizes'] & { readonly imageTokens: number };
  readonly inputs: LlamaTextPacking['inputs'] & {
    /** [tokens]: the row among words, then features */
    readonly source: Int32Array;
  };
}

/**
 * Texts whose images stand in them as that many image tokens, one after another.
 *
 * @throws BAD_INPUT where an image has not all its tokens
 */
export function packLlavaTexts(
  config: LlavaConfig,
  texts: readonly { readonly ids: readonly number[] }[],
): LlavaTextPacking {
  const packing = packLlamaTexts(config.text, texts);
  const { tokens } = packing.sizes;
  let imageTokens = 0;
  const source = packing.inputs.ids.map((id, t) =>
    id === config.imageToken ? tokens + imageTokens++ : t,
  );
  const each = llavaImageTokens(config);
  if (imageTokens % each !== 0) {
    const message = `image tokens must be = a multiple of ${each}, got ${imageTokens}`;
    throw new TubeletError('BAD_INPUT', 'llava', message);
  }
  return {
    ...packing,
    sizes: { ...packing.sizes, imageTokens },
    inputs: { ...packing.inputs, source },
  };
}
