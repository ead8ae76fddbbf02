import type { Device, Precision, RunOptions } from '@tubelet/runtime';
import { TubeletError } from '../../errors.js';
import type { EncodedText } from '../../text/index.js';
import { type ClipEncoder, type ClipText, loadClip } from '../clip.js';
import { componentClass, type ModelFolder } from '../model-folder.js';
import type { EncodedPrompt, PromptEncoder } from '../prompts.js';
import { sideBySide } from '../side-by-side.js';

/** Prompts by one CLIP encoder or two, padded; padding is attended. */
export interface ClipPrompts extends PromptEncoder {
  /** Tokens of every text. */
  readonly maxLength: number;
  readonly dim: number;
  readonly pooledDim: number;
  /** The most blocks that can be skipped. */
  readonly mostSkipped: number;
  /** @param skipped how many of the last blocks are left out, for each text */
  encodeSkipping(
    texts: readonly (readonly EncodedText[])[],
    skipped: readonly number[],
    options?: RunOptions,
  ): Promise<readonly EncodedPrompt[]>;
}

export interface ClipPromptsOptions {
  /** @defaultValue the tokenizer's own limit */
  readonly maxLength?: number;
  readonly precision: Precision;
}

/** Every block's output after the final norm (diffusers 0.42.1, StableDiffusionPipeline.encode_prompt). */
export async function loadStableDiffusionPrompts(
  device: Device,
  folder: ModelFolder,
  options: ClipPromptsOptions,
): Promise<ClipPrompts> {
  const states = (blocks: number) => range(0, blocks);
  const encoder = await loadClip(device, folder, { ...options, states, normed: true });
  return clipPrompts([encoder], 0);
}

/**
 * The outputs of the last blocks but one side by side, before the final norm, and the second encoder's projection
 * (StableDiffusionXLPipeline.encode_prompt). The first encoder may be absent.
 */
export async function loadStableDiffusionXlPrompts(
  device: Device,
  folder: ModelFolder,
  options: ClipPromptsOptions,
): Promise<ClipPrompts> {
  const index = await folder.json('model_index.json');
  const hasFirst = componentClass(index, 'text_encoder') !== undefined;
  const states = (blocks: number) => range(0, blocks - 1);
  const load = (suffix: string) =>
    loadClip(device, folder, {
      ...options,
      encoder: `text_encoder${suffix}`,
      tokenizer: `tokenizer${suffix}`,
      states,
    });
  const encoders = await Promise.all((hasFirst ? ['', '_2'] : ['_2']).map(load));
  return clipPrompts(encoders, 1);
}

/** @param left how many of the last blocks are never run */
function clipPrompts(encoders: readonly ClipEncoder[], left: number): ClipPrompts {
  const [{ maxLength }] = encoders as readonly [ClipEncoder];
  for (const { maxLength: length } of encoders) requireEqual(maxLength, length);
  const mostSkipped = Math.min(...encoders.map(({ blocks }) => blocks)) - left;
  const stateOf = ({ blocks }: ClipEncoder, { states }: ClipText, skipped: number) =>
    states.get(blocks - left - skipped)!;

  const encodeSkipping: ClipPrompts['encodeSkipping'] = async (texts, skipped, options) => {
    const found = await Promise.all(
      encoders.map(({ encode }, i) =>
        encode(
          texts.map((text) => text[i]!.ids),
          options,
        ),
      ),
    );
    return texts.map((text, at) => {
      const parts = encoders.map((encoder, i) => stateOf(encoder, found[i]![at]!, skipped[at]!));
      return {
        ids: text.at(-1)!.ids,
        embeddings: sideBySide(parts, maxLength),
        pooled: found.at(-1)![at]!.pooled,
      };
    });
  };

  return {
    maxLength,
    dim: encoders.reduce((sum, { dim }) => sum + dim, 0),
    pooledDim: encoders.at(-1)!.pooledDim,
    mostSkipped,
    weights: encoders.map(({ weights }) => weights),
    tokenize: (prompt) => encoders.map(({ tokenizer }) => tokenizer.encode(prompt, { maxLength })),
    encode: (texts, options) =>
      encodeSkipping(
        texts,
        texts.map(() => 0),
        options,
      ),
    encodeSkipping,
  };
}

function range(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, i) => first + i);
}

function requireEqual(expected: number, got: number): void {
  if (expected === got) return;
  const message = `tokens of both text encoders must be = equal, got ${expected} and ${got}`;
  throw new TubeletError('UNSUPPORTED', 'model', message);
}
