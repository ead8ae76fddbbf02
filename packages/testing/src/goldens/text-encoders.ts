import { type Graph, TubeletError } from '@tubelet/graph';
import {
  clipTextEncoder,
  packClipTexts,
  packTexts,
  parseClipTextConfig,
  parseTextEncoderConfig,
  type TextPacking,
  type TextTokens,
  textEncoder,
} from '@tubelet/models';
import type { RunGraph } from '../run-graph.js';
import { type Closeness, compare, worstOf } from './closeness.js';
import { type ModelCase, readModelCase, sampleOf, tensorOf } from './model-case.js';
import { onAddon } from './on-addon.js';

/** Runs a case of goldens/text-encoders, with every hidden state the golden has. */
export async function checkTextEncoderCase(
  directory: string,
  run: RunGraph = onAddon,
): Promise<Closeness> {
  const golden = await readModelCase(directory);
  const ids = tensorOf(golden.io, 'input.input_ids');
  const [batch, maxLength] = ids.shape as [number, number];
  const texts = Array.from({ length: batch }, (_, i) => {
    const mask = golden.io.get('input.attention_mask');
    return {
      ids: sampleOf(ids, i).values,
      length: mask ? textLength(sampleOf(mask, i).values) : maxLength,
    };
  });
  const { graph, packing } = encoderOf(golden, texts, maxLength);
  const outputs = await run(graph, golden.weights, packing.inputs, packing.sizes);
  const comparisons = [...golden.io].flatMap(([name, reference]) => {
    if (!name.startsWith('output.')) return [];
    const output = outputNames[name] ?? name.replace('output.hidden_states.', 'hidden');
    return [compare(golden.notes, name, outputs.get(output) ?? [], reference)];
  });
  return worstOf(comparisons);
}

const outputNames: Readonly<Record<string, string>> = {
  'output.last_hidden_state': 'hidden',
  'output.pooler_output': 'pooled',
  'output.text_embeds': 'textEmbeds',
};

function encoderOf(
  { config: json }: ModelCase,
  texts: readonly TextTokens[],
  maxLength: number,
): { readonly graph: Graph; readonly packing: TextPacking } {
  if (json.model_type === 'clip_text_model') {
    const config = parseClipTextConfig(json);
    const graph = clipTextEncoder(config, { hiddenStates: true });
    return { graph, packing: packClipTexts(config, texts) };
  }
  const config = parseTextEncoderConfig(json);
  const graph = textEncoder(config, { maxLength, hiddenStates: true });
  return { graph, packing: packTexts(config, texts) };
}

/** Padding stands behind the text. */
function textLength(mask: Float64Array): number {
  const length = mask.filter((value) => value === 1).length;
  if (mask.every((value, i) => value === (i < length ? 1 : 0))) return length;
  throw new TubeletError(
    'UNSUPPORTED',
    'text-encoder',
    'attention mask must be = ones and then zeros, got others',
  );
}
