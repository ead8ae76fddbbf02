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
  type Precision,
  type RunOptions,
  readFloat32,
  upload,
  type Weights,
} from '@tubelet/runtime';
import { TubeletError } from '../../errors.js';
import { cleanPrompt, type EncodedText, loadTokenizer } from '../../text/index.js';
import { type ModelFolder, requireCheckpoint } from '../model-folder.js';

/** The most that diffusers' pipelines take (`max_sequence_length`). */
const longestText = 512;

/** A prompt as the transformer attends it. */
export interface EncodedPrompt {
  /** Tokens of the cleaned text, special ones included, not padded. */
  readonly ids: readonly number[];
  /** [maxLength, dim]; zeros behind the text, which are attended too. */
  readonly embeddings: Float32Array;
}

/** Prompts to embeddings, as diffusers' Wan pipelines encode them (0.42.1, `_get_t5_prompt_embeds`). */
export interface PromptEncoder {
  readonly maxLength: number;
  readonly dim: number;
  readonly weights: Weights;
  /** Cleans a prompt and cuts it to `maxLength` tokens. */
  tokenize(prompt: string): EncodedText;
  encode(texts: readonly EncodedText[], options?: RunOptions): Promise<readonly EncodedPrompt[]>;
}

export async function loadPromptEncoder(
  device: Device,
  folder: ModelFolder,
  maxSequenceLength: number | undefined,
  precision: Precision,
): Promise<PromptEncoder> {
  const [config, tokenizer, weights] = await Promise.all([
    folder.json('text_encoder', 'config.json').then(parseTextEncoderConfig),
    loadTokenizer(folder.path('tokenizer')),
    openWeights(folder.path('text_encoder')),
  ]);
  requireCheckpoint(textEncoderCheckpoint(config), weights);
  const maxLength = maxSequenceLength ?? tokenizer.maxLength;
  if (!Number.isInteger(maxLength) || maxLength < 1 || maxLength > longestText) {
    const expected = `a whole number from 1 to ${longestText}`;
    const message = `maxSequenceLength must be = ${expected}, got ${maxLength}`;
    throw new TubeletError('BAD_INPUT', 'model', message);
  }
  const { modelDim: dim } = config;
  const branches = 2;
  const capacity = { tokens: branches * maxLength, segments: branches };
  const plan = await compile(device, textEncoder(config, { maxLength }), weights, capacity, {
    precision,
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
    tokenize: (prompt) => tokenizer.encode(cleanPrompt(prompt), { maxLength }),
    async encode(texts, options) {
      const results: EncodedPrompt[] = [];
      for (let i = 0; i < texts.length; i += branches) {
        const ids = texts.slice(i, i + branches).map((text) => text.ids);
        const embeddings = await run(ids, options);
        results.push(...ids.map((ids, k) => ({ ids, embeddings: embeddings[k]! })));
      }
      return results;
    },
  };
}
