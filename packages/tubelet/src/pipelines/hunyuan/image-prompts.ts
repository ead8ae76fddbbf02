import type { Device, Precision, RunOptions } from '@tubelet/runtime';
import { TubeletError } from '../../errors.js';
import type { RgbImage } from '../../media/index.js';
import type { EncodedText, Tokenizer } from '../../text/index.js';
import { loadClip } from '../clip.js';
import { loadLlava } from '../llava.js';
import { joined } from '../model-calls.js';
import type { ModelFolder } from '../model-folder.js';
import type { EncodedPrompt, PromptEncoder } from '../prompts.js';
import { aspects, skippedBlocks } from './prompts.js';

/** What stands around a prompt, and how many tokens of it come first, the image as one, and are cut off again (diffusers' default). */
export const hunyuanImageTemplate = {
  before:
    '<|start_header_id|>system<|end_header_id|>\n\n<image>\n' +
    `Describe the video by detailing the following aspects according to the reference image: ${aspects}<|eot_id|>\n\n` +
    '<|start_header_id|>user<|end_header_id|>\n\n',
  after: '<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n',
  tokens: 103,
};

/** From the end of the prompt to the assistant's turn, which is cut out. */
const assistantTokens = 4;

/** An image beside a prompt, and which of its tokens are kept: one of so many. */
export interface PromptImage {
  readonly image: RgbImage;
  readonly every: number;
}

/** What a negative prompt is encoded with, whatever the transformer: so it stands in the original. */
export const blackImage: PromptImage = {
  image: { data: new Uint8Array(3), width: 1, height: 1 },
  every: 2,
};

/** Prompts that are encoded with an image beside each; by themselves with a black one. */
export interface HunyuanImagePrompts extends PromptEncoder {
  readonly dim: number;
  readonly pooledDim: number;
  /** The same with an image for each of the texts that will be encoded. */
  beside(images: readonly PromptImage[]): PromptEncoder;
}

/**
 * The tokens of a Llava that is asked to describe a video by an image, the image's first, and CLIP's pooled embedding (diffusers
 * 0.42.1, HunyuanVideoImageToVideoPipeline.encode_prompt).
 *
 * @param maxLength tokens of a prompt behind the template
 */
export async function loadHunyuanImagePrompts(
  device: Device,
  folder: ModelFolder,
  maxLength: number,
  { precision, imagePrecision }: { precision: Precision; imagePrecision: Precision },
): Promise<HunyuanImagePrompts> {
  const { before, after, tokens: cut } = hunyuanImageTemplate;
  const [llava, clip] = await Promise.all([
    loadLlava(device, folder, { skipped: skippedBlocks, precision, imagePrecision }),
    loadClip(device, folder, { encoder: 'text_encoder_2', tokenizer: 'tokenizer_2', precision }),
  ]);
  const { dim, imageToken, imageTokens: count } = llava;
  const endHeader = tokenOf(llava.tokenizer, '<|end_header_id|>');

  const encodeOne = async (
    [words, text]: readonly EncodedText[],
    { image, every }: PromptImage,
    options?: RunOptions,
  ): Promise<EncodedPrompt> => {
    const { ids } = text!;
    const at = ids.indexOf(imageToken);
    requireOneImage(ids, imageToken);
    const [hidden] = await llava.encode([{ ids, image }], options);
    const rows = (from: number, to: number) =>
      hidden!.subarray(from * dim, Math.max(from, to) * dim);
    const shown = Array.from({ length: Math.ceil(count / every) }, (_, i) =>
      rows(at + i * every, at + i * every + 1),
    );
    // A prompt that is cut has lost the assistant's turn, and as many of its tokens are cut out.
    const ends = [...ids.keys()].filter((i) => ids[i] === endHeader);
    const turn = ends.length === 2 ? ids.length : ends.at(-1)! + 1;
    const behind = count - 1;
    const told = rows(cut + behind, turn + behind - assistantTokens);
    const rest = rows(turn + behind, ids.length + behind);
    const [pooled] = await clip.encode([words!.ids], options);
    return {
      ids: ids.slice(cut),
      embeddings: joined([...shown, told, rest]),
      pooled: pooled!.pooled,
    };
  };
  const encoder = (imageOf: (index: number) => PromptImage): PromptEncoder => ({
    weights: [llava.weights, clip.weights],
    tokenize: (prompt) => [
      clip.tokenizer.encode(prompt, { maxLength: clip.maxLength }),
      llava.tokenizer.encode(before + prompt + after, { maxLength: maxLength + cut }),
    ],
    async encode(texts, options) {
      const encoded: EncodedPrompt[] = [];
      for (const [i, text] of texts.entries())
        encoded.push(await encodeOne(text, imageOf(i), options));
      return encoded;
    },
  });
  return {
    ...encoder(() => blackImage),
    dim,
    pooledDim: clip.pooledDim,
    beside: (images) => encoder((i) => images[i]!),
  };
}

/** @throws TubeletError UNSUPPORTED where it is none */
function tokenOf({ encode, decode }: Tokenizer, text: string): number {
  const found = encode(text).ids.find((id) => decode([id], { keepSpecialTokens: true }) === text);
  if (found !== undefined) return found;
  const message = `${text} must be = a token of the tokenizer, got several`;
  throw new TubeletError('UNSUPPORTED', 'model', message);
}

/** @throws TubeletError BAD_INPUT for a prompt in which another one is written */
function requireOneImage(ids: readonly number[], token: number): void {
  const count = ids.filter((id) => id === token).length;
  if (count === 1) return;
  const message = `<image> tokens of the prompt must be = none but the template's, got ${count - 1}`;
  throw new TubeletError('BAD_INPUT', 'generate', message);
}
