import type { Device } from '@tubelet/runtime';
import type { ModelFolder } from './model-folder.js';
import type { PromptEncoder } from './prompts.js';
import { loadT5, type T5Options } from './t5.js';

/** Prompts by a T5 alone. */
export interface T5Prompts extends PromptEncoder {
  readonly maxLength: number;
  readonly dim: number;
}

export async function loadT5Prompts(
  device: Device,
  folder: ModelFolder,
  { clean = (prompt) => prompt, ...options }: T5Options & { clean?: (prompt: string) => string },
): Promise<T5Prompts> {
  const { tokenizer, maxLength, dim, weights, encode } = await loadT5(device, folder, options);
  return {
    maxLength,
    dim,
    weights: [weights],
    tokenize: (prompt) => [tokenizer.encode(clean(prompt), { maxLength })],
    async encode(texts, options) {
      const tokens = texts.map(([text]) => text!.ids);
      const found = await encode(tokens, options);
      return tokens.map((ids, i) => ({ ids, embeddings: found[i]! }));
    },
  };
}
