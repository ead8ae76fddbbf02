import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { llamaEncoder, packLlamaTexts, parseLlamaConfig } from '@tubelet/models';
import { type FixtureTensor, goldensFolder, interpret } from '@tubelet/testing';
import { describe, expect, test } from 'vitest';

const folder = join(goldensFolder() ?? '', '../assets/stories260k');

/** llama2.c's form: seven sizes, then float32 weights one after another, each kind for all layers. */
function readModel(path: string) {
  const file = readFileSync(path);
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const sizes = Array.from({ length: 7 }, (_, i) => view.getInt32(4 * i, true));
  const [D, ffnDim, layers, heads, keyHeads, vocabSize] = sizes as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const headDim = D / heads;
  const weights = new Map<string, FixtureTensor>();
  let at = 28;
  const take = (name: string, shape: readonly number[], turned = 0) => {
    const count = shape.reduce((product, size) => product * size, 1);
    const values = Float64Array.from({ length: count }, (_, i) =>
      view.getFloat32(at + 4 * i, true),
    );
    at += 4 * count;
    weights.set(name, { shape, values: turned ? halves(values, shape, turned) : values });
  };
  const each = (name: string, shape: readonly number[], turned = 0) => {
    for (let layer = 0; layer < layers; layer++)
      take(`layers.${layer}.${name}.weight`, shape, turned);
  };
  take('embed_tokens.weight', [vocabSize, D]);
  each('input_layernorm', [D]);
  each('self_attn.q_proj', [heads * headDim, D], heads);
  each('self_attn.k_proj', [keyHeads * headDim, D], keyHeads);
  each('self_attn.v_proj', [keyHeads * headDim, D]);
  each('self_attn.o_proj', [D, heads * headDim]);
  each('post_attention_layernorm', [D]);
  each('mlp.gate_proj', [ffnDim, D]);
  each('mlp.down_proj', [D, ffnDim]);
  each('mlp.up_proj', [ffnDim, D]);
  take('norm.weight', [D]);
  const config = parseLlamaConfig({
    vocab_size: vocabSize,
    hidden_size: D,
    intermediate_size: ffnDim,
    num_hidden_layers: layers,
    num_attention_heads: heads,
    num_key_value_heads: keyHeads,
    rms_norm_eps: 1e-5,
  });
  return { config, weights };
}

/** Rows that turn as neighbours, put where transformers turns them: in the two halves of a head. */
function halves(values: Float64Array, [rows, columns]: readonly number[], heads: number) {
  const headDim = rows! / heads;
  return values.map((_, i) => {
    const [row, column] = [Math.floor(i / columns!), i % columns!];
    const [head, place] = [Math.floor(row / headDim), row % headDim];
    const from = 2 * (place % (headDim / 2)) + Math.floor(place / (headDim / 2));
    return values[(head * headDim + from) * columns! + column]!;
  });
}

function readPieces(path: string): string[] {
  const file = readFileSync(path);
  const pieces: string[] = [];
  for (let at = 4; at < file.length; ) {
    const bytes = file.readInt32LE(at + 4);
    pieces.push(file.toString('utf8', at + 8, at + 8 + bytes));
    at += 8 + bytes;
  }
  return pieces;
}

// Skipped where the folder beside the goldens is absent.
describe.skipIf(!existsSync(folder))('stories260K', () => {
  test('goes on word for word as llama2.c does', async () => {
    const { config, weights } = readModel(join(folder, 'stories260K.bin'));
    const pieces = readPieces(join(folder, 'tok512.bin'));
    const graph = llamaEncoder(config);
    const { values: table } = weights.get('embed_tokens.weight')!;
    const { hiddenSize: D, vocabSize } = config;
    const ids = [1];
    while (ids.length < 25) {
      const { inputs, sizes } = packLlamaTexts(config, [{ ids }]);
      const hidden = (await interpret(graph, weights, inputs, { ...sizes })).get('hidden')!;
      const last = hidden.subarray((ids.length - 1) * D);
      const scores = Array.from({ length: vocabSize }, (_, id) =>
        table.subarray(id * D, (id + 1) * D).reduce((sum, value, i) => sum + value * last[i]!, 0),
      );
      ids.push(scores.indexOf(Math.max(...scores)));
    }
    const text = ids.slice(1).map((id) => pieces[id]);
    expect(text.join('')).toBe(
      ' Once upon a time, there was a little girl named Lily. She loved to play outsid',
    );
  });
});
