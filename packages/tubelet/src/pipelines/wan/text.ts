import type { Device } from '@tubelet/runtime';
import { cleanPrompt } from '../../text/index.js';
import type { ModelFolder } from '../model-folder.js';
import type { T5Options } from '../t5.js';
import { loadT5Prompts, type T5Prompts } from '../t5-prompts.js';

/** diffusers' Wan pipelines (0.42.1, `_get_t5_prompt_embeds`): zeros stand behind the text and are attended too. */
export async function loadWanPrompts(
  device: Device,
  folder: ModelFolder,
  options: T5Options,
): Promise<T5Prompts> {
  const t5 = await loadT5Prompts(device, folder, { clean: cleanPrompt, ...options });
  return {
    ...t5,
    async encode(texts, options) {
      const found = await t5.encode(texts, options);
      return found.map(({ ids, embeddings }) => {
        const padded = new Float32Array(t5.maxLength * t5.dim);
        padded.set(embeddings);
        return { ids, embeddings: padded };
      });
    },
  };
}
