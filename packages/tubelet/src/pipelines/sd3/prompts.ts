import type { Device, Precision } from '@tubelet/runtime';
import { TubeletError } from '../../errors.js';
import { type ClipEncoder, type ClipText, loadClip } from '../clip.js';
import { joined } from '../model-calls.js';
import { componentClass, type ModelFolder } from '../model-folder.js';
import type { PromptEncoder } from '../prompts.js';
import { sideBySide } from '../side-by-side.js';
import { loadT5 } from '../t5.js';

/** Tokens of a text: CLIP's padded, then T5's padded; `dim` is T5's, and CLIP's two stand side by side in it with zeros behind. */
export interface Sd3Prompts extends PromptEncoder {
  readonly pooledDim: number;
}

/**
 * Two CLIP encoders, their last blocks but one side by side, and T5, or zeros where there is none (diffusers 0.42.1,
 * StableDiffusion3Pipeline.encode_prompt). Padding is attended everywhere.
 *
 * @param dim joint_attention_dim of the transformer
 */
export async function loadSd3Prompts(
  device: Device,
  folder: ModelFolder,
  dim: number,
  maxLength: number,
  precision: Precision,
): Promise<Sd3Prompts> {
  const penultimate = (blocks: number) => [blocks - 1];
  const index = await folder.json('model_index.json');
  const hasT5 = componentClass(index, 'text_encoder_3') !== undefined;
  const [first, second, t5] = await Promise.all([
    loadClip(device, folder, { states: penultimate, precision }),
    loadClip(device, folder, {
      encoder: 'text_encoder_2',
      tokenizer: 'tokenizer_2',
      states: penultimate,
      precision,
    }),
    hasT5
      ? loadT5(device, folder, {
          encoder: 'text_encoder_3',
          tokenizer: 'tokenizer_3',
          maxLength,
          padding: 'attended',
          precision,
        })
      : undefined,
  ]);
  requireFitting('width of both CLIP encoders', `at most ${dim}`, first.dim + second.dim <= dim);
  requireFitting('width of T5', dim, t5 === undefined || t5.dim === dim);
  const rows = first.maxLength;
  requireFitting('tokens of the second CLIP encoder', rows, second.maxLength >= rows);

  return {
    pooledDim: first.pooledDim + second.pooledDim,
    weights: [first.weights, second.weights, ...(t5 ? [t5.weights] : [])],
    tokenize: (prompt) => [
      first.tokenizer.encode(prompt, { maxLength: rows }),
      second.tokenizer.encode(prompt, { maxLength: rows }),
      ...(t5 ? [t5.tokenizer.encode(prompt, { maxLength: t5.maxLength })] : []),
    ],
    async encode(texts, options) {
      const tokensOf = (encoder: number) => texts.map((text) => text[encoder]!.ids);
      const [one, two, three] = await Promise.all([
        first.encode(tokensOf(0), options),
        second.encode(tokensOf(1), options),
        t5?.encode(tokensOf(2), options),
      ]);
      const stateOf = ({ blocks }: ClipEncoder, { states }: ClipText) => states.get(blocks - 1)!;
      return texts.map((text, i) => ({
        ids: text.at(-1)!.ids,
        embeddings: joined([
          sideBySide([stateOf(first, one[i]!), stateOf(second, two[i]!)], rows, dim),
          three?.[i] ?? new Float32Array(maxLength * dim),
        ]),
        pooled: joined([one[i]!.pooled, two[i]!.pooled]),
      }));
    },
  };
}

function requireFitting(what: string, expected: string | number, holds: boolean): void {
  if (holds) return;
  const message = `${what} must be = ${expected} for this transformer, got another`;
  throw new TubeletError('UNSUPPORTED', 'model', message);
}
