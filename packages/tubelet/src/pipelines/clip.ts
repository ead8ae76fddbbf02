import {
  clipTextCheckpoint,
  clipTextEncoder,
  packClipTexts,
  parseClipTextConfig,
} from '@tubelet/models';
import {
  type Buffer,
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
import { paddedTo } from './t5.js';

/** What CLIP makes of a text. */
export interface ClipText {
  /** [maxLength, dim] after some blocks, those that were asked for, by their numbers. */
  readonly states: ReadonlyMap<number, Float32Array>;
  /** [pooledDim], the projected embedding where the model projects. */
  readonly pooled: Float32Array;
}

/** A CLIP text encoder with its tokenizer. Texts are padded to `maxLength`, and padding is attended by what comes after it. */
export interface ClipEncoder {
  readonly tokenizer: Tokenizer;
  readonly maxLength: number;
  readonly dim: number;
  readonly blocks: number;
  readonly pooledDim: number;
  readonly weights: Weights;
  encode(texts: readonly (readonly number[])[], options?: RunOptions): Promise<readonly ClipText[]>;
}

export interface ClipOptions {
  /** Folders of the pipeline. @defaultValue text_encoder, tokenizer */
  readonly encoder?: string;
  readonly tokenizer?: string;
  /** Most tokens of a text, at most what the model has positions for. @defaultValue the tokenizer's own limit */
  readonly maxLength?: number;
  /** After which of so many blocks the tokens are given; 0 is before the first. @defaultValue none */
  readonly states?: (blocks: number) => readonly number[];
  /** Whether these go through the final norm. @defaultValue false */
  readonly normed?: boolean;
  readonly precision: Precision;
}

export async function loadClip(
  device: Device,
  folder: ModelFolder,
  { encoder = 'text_encoder', precision, ...options }: ClipOptions,
): Promise<ClipEncoder> {
  const [{ config, weights }, tokenizer] = await Promise.all([
    openComponent(folder, encoder, parseClipTextConfig, clipTextCheckpoint),
    loadTokenizer(folder.path(options.tokenizer ?? 'tokenizer')),
  ]);
  const { hiddenSize: dim, projectionDim, layers: blocks } = config;
  const maxLength = options.maxLength ?? Math.min(tokenizer.maxLength, config.maxLength);
  requireLength(maxLength, config.maxLength);
  const branches = 2;
  const capacity = { tokens: branches * maxLength, segments: branches };
  const kept = options.states?.(blocks) ?? [];
  const graph = clipTextEncoder(config, { hiddenStates: kept, normed: options.normed });
  const plan = await compile(device, graph, weights, capacity, { precision });
  const pooledName = projectionDim === null ? 'pooled' : 'textEmbeds';
  const pooledDim = projectionDim ?? dim;

  const run = async (texts: readonly (readonly number[])[], options?: RunOptions) => {
    const ids = texts.map((text) => paddedTo(maxLength, text, tokenizer.padTokenId ?? 0));
    const { inputs: packed, sizes } = packClipTexts(
      config,
      ids.map((ids) => ({ ids })),
    );
    const inputs: Record<string, Buffer> = {};
    const outputs: Record<string, Buffer> = {};
    try {
      for (const [name, data] of Object.entries(packed)) inputs[name] = await upload(device, data);
      for (const { name, tensor } of graph.outputs) {
        const rows = name.startsWith('hidden') ? sizes.tokens : sizes.segments;
        outputs[name] = device.allocate(rows * Number(tensor.shape[1]) * 4);
      }
      await plan.run({ inputs, outputs }, sizes, options);
      const pooled = await readFloat32(outputs[pooledName]!);
      const states = await Promise.all(
        kept.map(async (block) => [block, await readFloat32(outputs[`hidden${block}`]!)] as const),
      );
      const size = maxLength * dim;
      return texts.map((_, i) => ({
        pooled: pooled.slice(i * pooledDim, (i + 1) * pooledDim),
        states: new Map(states.map(([block, all]) => [block, all.slice(i * size, (i + 1) * size)])),
      }));
    } finally {
      for (const buffer of [...Object.values(inputs), ...Object.values(outputs)]) buffer.dispose();
    }
  };

  return {
    tokenizer,
    maxLength,
    dim,
    blocks,
    pooledDim,
    weights,
    async encode(texts, options) {
      const results: ClipText[] = [];
      for (let i = 0; i < texts.length; i += branches)
        results.push(...(await run(texts.slice(i, i + branches), options)));
      return results;
    },
  };
}

/** Start and end token are two. */
function requireLength(length: number, most: number): void {
  if (Number.isInteger(length) && length >= 2 && length <= most) return;
  const message = `maxSequenceLength must be = a whole number from 2 to ${most}, got ${length}`;
  throw new TubeletError('BAD_INPUT', 'model', message);
}
