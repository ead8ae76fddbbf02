import type { Device } from '@tubelet/runtime';
import { cleanPrompt } from '../../text/index.js';
import type { ModelFolder } from '../model-folder.js';
import type { PromptEncoder } from '../prompts.js';
import { loadT5, type T5Options } from '../t5.js';

/** diffusers' Wan pipelines (0.42.1, `_get_t5_prompt_embeds`): zeros stand behind the text and are attended too. */
export async function loadWanPrompts(
  device: Device,
  folder: ModelFolder,
  options: T5Options,
): Promise<PromptEncoder & { readonly dim: number }> {
  const { tokenizer, maxLength, dim, weights, encode } = await loadT5(device, folder, options);
  return {
    dim,
    weights: [weights],
    tokenize: (prompt) => [tokenizer.encode(cleanPrompt(prompt), { maxLength })],
    async encode(texts, options) {
      const tokens = texts.map(([text]) => text!.ids);
      const found = await encode(tokens, options);
      return tokens.map((ids, i) => {
        const embeddings = new Float32Array(maxLength * dim);
        embeddings.set(found[i]!);
        return { ids, embeddings };
      });
    },
  };
}
