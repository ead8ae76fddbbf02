import { TubeletError } from '@tubelet/graph';
import { packTexts, parseTextEncoderConfig, textEncoder } from '@tubelet/models';
import type { RunGraph } from '../run-graph.js';
import { type Closeness, compare, worstOf } from './closeness.js';
import { readModelCase, sampleOf, tensorOf } from './model-case.js';
import { onAddon } from './on-addon.js';

/** Runs a case of goldens/text-encoders of the T5 family, with every hidden state the golden has. */
export async function checkTextEncoderCase(
  directory: string,
  run: RunGraph = onAddon,
): Promise<Closeness> {
  const golden = await readModelCase(directory);
  const { model_type: type } = golden.config;
  if (type !== 't5' && type !== 'umt5') {
    throw new TubeletError(
      'UNSUPPORTED',
      'text-encoder',
      `model_type must be = t5 or umt5, got ${type}`,
    );
  }
  const config = parseTextEncoderConfig(golden.config);
  const ids = tensorOf(golden.io, 'input.input_ids');
  const [batch, maxLength] = ids.shape as [number, number];
  const texts = Array.from({ length: batch }, (_, i) => {
    const mask = golden.io.get('input.attention_mask');
    return {
      ids: sampleOf(ids, i).values,
      length: mask ? textLength(sampleOf(mask, i).values) : maxLength,
    };
  });
  const { sizes, inputs } = packTexts(config, texts);
  const graph = textEncoder(config, { maxLength, hiddenStates: true });
  const outputs = await run(graph, golden.weights, inputs, sizes);
  const comparisons = [...golden.io].flatMap(([name, reference]) => {
    const output =
      name === 'output.last_hidden_state'
        ? 'hidden'
        : name.replace('output.hidden_states.', 'hidden');
    return name.startsWith('output.')
      ? [compare(golden.notes, name, outputs.get(output) ?? [], reference)]
      : [];
  });
  return worstOf(comparisons);
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
