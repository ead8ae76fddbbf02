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
import { loadTokenizer, type Tokenizer } from '../text/index.js';
import { type ModelFolder, openComponent } from './model-folder.js';
import { paddedTo } from './t5.js';

/** What CLIP makes of a text. */
export interface ClipText {
  /** [maxLength, dim], the output of the last block but one, where it was asked for. */
  readonly hidden?: Float32Array;
  /** [pooledDim], the projected embedding where the model projects. */
  readonly pooled: Float32Array;
}

/** A CLIP text encoder with its tokenizer. Texts are padded to `maxLength`, and padding is attended by what comes after it. */
export interface ClipEncoder {
  readonly tokenizer: Tokenizer;
  readonly maxLength: number;
  readonly dim: number;
  readonly pooledDim: number;
  readonly weights: Weights;
  encode(texts: readonly (readonly number[])[], options?: RunOptions): Promise<readonly ClipText[]>;
}

export interface ClipOptions {
  /** Folders of the pipeline. @defaultValue text_encoder, tokenizer */
  readonly encoder?: string;
  readonly tokenizer?: string;
  /** Also gives the output of the last block but one. @defaultValue false */
  readonly penultimate?: boolean;
  readonly precision: Precision;
}

export async function loadClip(
  device: Device,
  folder: ModelFolder,
  { encoder = 'text_encoder', penultimate = false, precision, ...options }: ClipOptions,
): Promise<ClipEncoder> {
  const [{ config, weights }, tokenizer] = await Promise.all([
    openComponent(folder, encoder, parseClipTextConfig, clipTextCheckpoint),
    loadTokenizer(folder.path(options.tokenizer ?? 'tokenizer')),
  ]);
  const { hiddenSize: dim, projectionDim, layers } = config;
  const maxLength = Math.min(tokenizer.maxLength, config.maxLength);
  const branches = 2;
  const capacity = { tokens: branches * maxLength, segments: branches };
  const kept = penultimate ? [layers - 1] : [];
  const graph = clipTextEncoder(config, { hiddenStates: kept });
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
      const hidden = penultimate ? await readFloat32(outputs[`hidden${layers - 1}`]!) : undefined;
      const size = maxLength * dim;
      return texts.map((_, i) => ({
        pooled: pooled.slice(i * pooledDim, (i + 1) * pooledDim),
        ...(hidden && { hidden: hidden.slice(i * size, (i + 1) * size) }),
      }));
    } finally {
      for (const buffer of [...Object.values(inputs), ...Object.values(outputs)]) buffer.dispose();
    }
  };

  return {
    tokenizer,
    maxLength,
    dim,
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
