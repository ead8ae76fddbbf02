import { llamaCheckpoint, llamaEncoder, packLlamaTexts, parseLlamaConfig } from '@tubelet/models';
import {
  compile,
  type Device,
  type Precision,
  type RunOptions,
  type Weights,
} from '@tubelet/runtime';
import { loadTokenizer, type Tokenizer } from '../text/index.js';
import { type ModelFolder, openComponent } from './model-folder.js';
import { runPlan } from './run-plan.js';

/** A Llama that encodes text, with its tokenizer. */
export interface LlamaEncoder {
  readonly tokenizer: Tokenizer;
  readonly dim: number;
  readonly weights: Weights;
  /** @returns [tokens, dim] of each text, which is run without padding */
  encode(
    texts: readonly (readonly number[])[],
    options?: RunOptions,
  ): Promise<readonly Float32Array[]>;
}

/** @param skipped how many of the last blocks are left out */
export async function loadLlama(
  device: Device,
  folder: ModelFolder,
  { maxLength, skipped, precision }: { maxLength: number; skipped: number; precision: Precision },
): Promise<LlamaEncoder> {
  const [{ config, weights }, tokenizer] = await Promise.all([
    openComponent(folder, 'text_encoder', parseLlamaConfig, llamaCheckpoint),
    loadTokenizer(folder.path('tokenizer')),
  ]);
  const graph = llamaEncoder(config, { blocks: Math.max(config.layers - skipped, 0) });
  const capacity = { tokens: maxLength, segments: 1 };
  const plan = await compile(device, graph, weights, capacity, { precision });
  const { hiddenSize: dim } = config;

  return {
    tokenizer,
    dim,
    weights,
    async encode(texts, options) {
      const results: Float32Array[] = [];
      for (const ids of texts) {
        const { inputs: packed, sizes } = packLlamaTexts(config, [{ ids }]);
        const given = { inputs: { ...packed }, sizes: { ...sizes } };
        const output = { output: 'hidden', elements: ids.length * dim };
        results.push(await runPlan(device, plan, given, output, options));
      }
      return results;
    },
  };
}
