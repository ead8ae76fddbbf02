import type { Device, Precision } from '@tubelet/runtime';
import { loadClip } from '../clip.js';
import { loadLlama } from '../llama.js';
import type { ModelFolder } from '../model-folder.js';
import type { PromptEncoder } from '../prompts.js';

/** Of a video that a template asks for. */
export const aspects =
  '1. The main content and theme of the video.' +
  '2. The color, shape, size, texture, quantity, text, and spatial relationships of the objects.' +
  '3. Actions, events, behaviors temporal relationships, physical movement changes of the objects.' +
  '4. background environment, light, style and atmosphere.' +
  '5. camera angles, movements, and transitions used in the video:';

/** What stands around a prompt, and how many tokens of it come first and are cut off again (diffusers' default). */
export const hunyuanTemplate = {
  before:
    `<|start_header_id|>system<|end_header_id|>\n\nDescribe the video by detailing the following aspects: ${aspects}<|eot_id|>` +
    '<|start_header_id|>user<|end_header_id|>\n\n',
  after: '<|eot_id|>',
  tokens: 95,
};

/** The last two blocks and the final norm are left out. */
export const skippedBlocks = 2;

/**
 * The tokens of a Llama that is asked to describe a video, and CLIP's pooled embedding (diffusers 0.42.1,
 * HunyuanVideoPipeline.encode_prompt).
 *
 * @param maxLength tokens of a prompt behind the template
 */
export async function loadHunyuanPrompts(
  device: Device,
  folder: ModelFolder,
  maxLength: number,
  precision: Precision,
): Promise<PromptEncoder & { readonly dim: number; readonly pooledDim: number }> {
  const { before, after, tokens: cut } = hunyuanTemplate;
  const most = maxLength + cut;
  const [llama, clip] = await Promise.all([
    loadLlama(device, folder, { maxLength: most, skipped: skippedBlocks, precision }),
    loadClip(device, folder, {
      encoder: 'text_encoder_2',
      tokenizer: 'tokenizer_2',
      precision,
    }),
  ]);
  return {
    dim: llama.dim,
    pooledDim: clip.pooledDim,
    weights: [llama.weights, clip.weights],
    tokenize: (prompt) => [
      clip.tokenizer.encode(prompt, { maxLength: clip.maxLength }),
      llama.tokenizer.encode(before + prompt + after, { maxLength: most }),
    ],
    async encode(texts, options) {
      const tokens = texts.map(([, text]) => text!.ids);
      const [pooled, hidden] = await Promise.all([
        clip.encode(
          texts.map(([text]) => text!.ids),
          options,
        ),
        llama.encode(tokens, options),
      ]);
      return tokens.map((ids, i) => ({
        ids: ids.slice(cut),
        embeddings: hidden[i]!.subarray(cut * llama.dim),
        pooled: pooled[i]!.pooled,
      }));
    },
  };
}
