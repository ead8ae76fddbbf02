import {
  packTexts,
  parseTextEncoderConfig,
  textEncoder,
  textEncoderCheckpoint,
} from '@tubelet/models';
import {
  compile,
  type Device,
  openWeights,
  type RunOptions,
  readFloat32,
  upload,
  type Weights,
} from '@tubelet/runtime';
import { cleanPrompt, loadTokenizer } from '../../text/index.js';
import { type ModelFolder, requireCheckpoint } from '../model-folder.js';

/** A text as the transformer attends it. */
export interface EncodedPrompt {
  /** [maxLength, dim]; zeros behind the text, which are attended too. */
  readonly embeddings: Float32Array;
  /** What did not fit, where something did not. */
  readonly warning?: string;
}

/** Prompts to embeddings, as diffusers' Wan pipelines encode them (0.42.1, `_get_t5_prompt_embeds`). */
export interface PromptEncoder {
  readonly maxLength: number;
  readonly dim: number;
  readonly weights: Weights;
  encode(prompts: readonly string[], options?: RunOptions): Promise<readonly EncodedPrompt[]>;
}

export async function loadPromptEncoder(
  device: Device,
  folder: ModelFolder,
  maxSequenceLength: number | undefined,
): Promise<PromptEncoder> {
  const [config, tokenizer, weights] = await Promise.all([
    folder.json('text_encoder', 'config.json').then(parseTextEncoderConfig),
    loadTokenizer(folder.path('tokenizer')),
    openWeights(folder.path('text_encoder')),
  ]);
  requireCheckpoint(textEncoderCheckpoint(config), weights);
  const maxLength = Math.min(maxSequenceLength ?? tokenizer.maxLength, tokenizer.maxLength);
  const { modelDim: dim } = config;
  const distances = { maxLength };
  const branches = 2;
  const plan = await compile(device, textEncoder(config, distances), weights, {
    tokens: branches * maxLength,
    segments: branches,
  });

  /** Only the text itself is run: what stands behind it is not attended and becomes zeros. */
  const run = async (texts: readonly (readonly number[])[], options?: RunOptions) => {
    const packed = packTexts(
      config,
      texts.map((ids) => ({ ids })),
    );
    const ids = await upload(device, packed.inputs.ids);
    const segments = await upload(device, packed.inputs.segments);
    const hidden = device.allocate(packed.sizes.tokens * dim * 4);
    try {
      await plan.run({ inputs: { ids, segments }, outputs: { hidden } }, packed.sizes, options);
      const values = await readFloat32(hidden);
      return texts.map((text, i) => {
        const padded = new Float32Array(maxLength * dim);
        const start = packed.offsets[i]! * dim;
        padded.set(values.subarray(start, start + text.length * dim));
        return padded;
      });
    } finally {
      for (const buffer of [ids, segments, hidden]) buffer.dispose();
    }
  };

  return {
    maxLength,
    dim,
    weights,
    async encode(prompts, options) {
      const encoded = prompts.map((prompt) => tokenizer.encode(cleanPrompt(prompt), { maxLength }));
      const results: EncodedPrompt[] = [];
      for (let i = 0; i < encoded.length; i += branches) {
        const some = encoded.slice(i, i + branches);
        const embeddings = await run(
          some.map(({ ids }) => ids),
          options,
        );
        some.forEach(({ droppedTokens, droppedText }, k) => {
          const warning =
            droppedTokens > 0
              ? `the prompt is longer than ${maxLength} tokens: ${droppedTokens} were dropped${droppedText ? `, "${droppedText.trim()}"` : ''}`
              : undefined;
          results.push({ embeddings: embeddings[k]!, warning });
        });
      }
      return results;
    },
  };
}
