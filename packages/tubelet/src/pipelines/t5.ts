import {
  packTexts,
  parseTextEncoderConfig,
  textEncoder,
  textEncoderCheckpoint,
} from '@tubelet/models';
import {
  compile,
  type Device,
  type Precision,
  type RunOptions,
  readFloat32,
  upload,
  type Weights,
} from '@tubelet/runtime';
import { TubeletError } from '../errors.js';
import { loadTokenizer, type Tokenizer } from '../text/index.js';
import { type ModelFolder, openComponent } from './model-folder.js';

/** The most that diffusers' pipelines take (`max_sequence_length`). */
const longestText = 512;

/** A T5 or UMT5 encoder with its tokenizer. */
export interface T5Encoder {
  readonly tokenizer: Tokenizer;
  /** Most tokens of a text. */
  readonly maxLength: number;
  readonly dim: number;
  readonly weights: Weights;
  /** @returns [tokens, dim] of each text */
  encode(
    texts: readonly (readonly number[])[],
    options?: RunOptions,
  ): Promise<readonly Float32Array[]>;
}

export interface T5Options {
  /** Folders of the pipeline. @defaultValue text_encoder, tokenizer */
  readonly encoder?: string;
  readonly tokenizer?: string;
  /** Most tokens of a text. @defaultValue the tokenizer's own limit */
  readonly maxLength?: number;
  /**
   * Whether texts are padded to `maxLength`, and whether the padding is attended, as where a pipeline passes no mask.
   * @defaultValue `'none'`: only the text itself is run
   */
  readonly padding?: 'none' | 'masked' | 'attended';
  readonly precision: Precision;
}

export async function loadT5(
  device: Device,
  folder: ModelFolder,
  options: T5Options,
): Promise<T5Encoder> {
  const { encoder = 'text_encoder', padding = 'none', precision } = options;
  const [{ config, weights }, tokenizer] = await Promise.all([
    openComponent(folder, encoder, parseTextEncoderConfig, textEncoderCheckpoint),
    loadTokenizer(folder.path(options.tokenizer ?? 'tokenizer')),
  ]);
  const maxLength = textLength(options.maxLength ?? tokenizer.maxLength);
  const { modelDim: dim } = config;
  const branches = 2;
  const capacity = { tokens: branches * maxLength, segments: branches };
  const plan = await compile(device, textEncoder(config, { maxLength }), weights, capacity, {
    precision,
  });
  const padded = (ids: readonly number[]) => {
    if (padding === 'none') return { ids };
    const all = paddedTo(maxLength, ids, tokenizer.padTokenId ?? 0);
    return padding === 'masked' ? { ids: all, length: ids.length } : { ids: all };
  };

  const run = async (texts: readonly (readonly number[])[], options?: RunOptions) => {
    const packed = packTexts(config, texts.map(padded));
    const ids = await upload(device, packed.inputs.ids);
    const segments = await upload(device, packed.inputs.segments);
    const hidden = device.allocate(packed.sizes.tokens * dim * 4);
    try {
      await plan.run({ inputs: { ids, segments }, outputs: { hidden } }, packed.sizes, options);
      const values = await readFloat32(hidden);
      return packed.offsets.map((start, i) => {
        const end = packed.offsets[i + 1] ?? packed.sizes.tokens;
        return values.slice(start * dim, end * dim);
      });
    } finally {
      for (const buffer of [ids, segments, hidden]) buffer.dispose();
    }
  };

  return {
    tokenizer,
    maxLength,
    dim,
    weights,
    async encode(texts, options) {
      const results: Float32Array[] = [];
      for (let i = 0; i < texts.length; i += branches)
        results.push(...(await run(texts.slice(i, i + branches), options)));
      return results;
    },
  };
}

export function paddedTo(length: number, ids: readonly number[], pad: number): readonly number[] {
  return [...ids, ...Array<number>(Math.max(0, length - ids.length)).fill(pad)];
}

/** @throws TubeletError BAD_INPUT for what no pipeline takes */
export function textLength(maxLength: number): number {
  if (Number.isInteger(maxLength) && maxLength >= 1 && maxLength <= longestText) return maxLength;
  const expected = `a whole number from 1 to ${longestText}`;
  const message = `maxSequenceLength must be = ${expected}, got ${maxLength}`;
  throw new TubeletError('BAD_INPUT', 'model', message);
}
