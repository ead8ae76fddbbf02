import type { Device, Precision } from '@tubelet/runtime';
import { loadClip } from '../clip.js';
import type { ModelFolder } from '../model-folder.js';
import type { PromptEncoder } from '../prompts.js';
import { loadT5 } from '../t5.js';

/**
 * CLIP's pooled embedding, and T5's tokens, padded and the padding attended (diffusers 0.42.1, FluxPipeline.encode_prompt).
 */
export async function loadFluxPrompts(
  device: Device,
  folder: ModelFolder,
  maxLength: number,
  precision: Precision,
): Promise<PromptEncoder & { readonly dim: number; readonly pooledDim: number }> {
  const [clip, t5] = await Promise.all([
    loadClip(device, folder, { precision }),
    loadT5(device, folder, {
      encoder: 'text_encoder_2',
      tokenizer: 'tokenizer_2',
      maxLength,
      padding: 'attended',
      precision,
    }),
  ]);
  return {
    dim: t5.dim,
    pooledDim: clip.pooledDim,
    weights: [clip.weights, t5.weights],
    tokenize: (prompt) => [
      clip.tokenizer.encode(prompt, { maxLength: clip.maxLength }),
      t5.tokenizer.encode(prompt, { maxLength }),
    ],
    async encode(texts, options) {
      const [pooled, embeddings] = await Promise.all([
        clip.encode(
          texts.map(([first]) => first!.ids),
          options,
        ),
        t5.encode(
          texts.map(([, second]) => second!.ids),
          options,
        ),
      ]);
      return texts.map(([, second], i) => ({
        ids: second!.ids,
        embeddings: embeddings[i]!,
        pooled: pooled[i]!.pooled,
      }));
    },
  };
}
