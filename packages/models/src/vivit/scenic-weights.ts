/** A tensor's values, row-major. */
export interface TensorValues {
  readonly shape: readonly number[];
  readonly values: ArrayLike<number>;
}

/** Parts of scenic's names, in the order they are renamed. */
const names: readonly (readonly [RegExp, string])[] = [
  [/^embedding\//, 'embeddings.patch_embeddings.projection/'],
  [/^cls$/, 'embeddings.cls_token'],
  [/^cls_(Spatial|Temporal)Transformer$/, '$1/cls_token'],
  [/^Transformer\/posembed_input\/pos_embedding$/, 'embeddings.position_embeddings'],
  [/^(Spatial|Temporal)Transformer\/posembed_input\/pos_embedding$/, '$1/position_embeddings'],
  [/^output_projection\//, 'classifier/'],
  [/^Transformer\//, ''],
  [/^(Spatial|Temporal)Transformer\//, '$1/'],
  [/^Spatial\//, 'spatial/'],
  [/^Temporal\//, 'temporal/'],
  [/encoder_norm\//, 'layernorm/'],
  [/encoderblock_(\d+)\//, 'encoder.layer.$1/'],
  [/LayerNorm_0\//, 'layernorm_before/'],
  [/LayerNorm_(?:1|mlp)\//, 'layernorm_after/'],
  [/LayerNorm_(space|time)\//, 'layernorm_$1/'],
  [/MlpBlock(?:_0)?\/Dense_0\//, 'intermediate.dense/'],
  [/MlpBlock(?:_0)?\/Dense_1\//, 'output.dense/'],
  [/MultiHeadDotProductAttention_0\/out\//, 'attention.output.dense/'],
  [/MultiHeadDotProductAttention_0\//, 'attention.attention/'],
  [/MultiHeadDotProductAttention_(space|time)\/out\//, 'attention_$1.output.dense/'],
  [/MultiHeadDotProductAttention_(space|time)\//, 'attention_$1.attention/'],
  [/\/(?:kernel|scale)$/, '/weight'],
  [/\//g, '.'],
];

/**
 * The weights of a ViViT of scenic (flax paths joined by `/`) under the names and in the layout that {@link vivit} reads: kernels
 * [in, …, out] become [out, in, …], with the heads of a layer side by side; the tubelets' kernel [t, h, w, in, out] becomes
 * [out, in, t, h, w].
 */
export function scenicVivitWeights(
  tensors: ReadonlyMap<string, TensorValues>,
): Map<string, { readonly shape: readonly number[]; readonly values: Float32Array }> {
  return new Map([...tensors].map(([path, tensor]) => [renamed(path), relaid(path, tensor)]));
}

/** Whether tensors have scenic's names. */
export function hasScenicNames(tensors: ReadonlyMap<string, unknown>): boolean {
  return tensors.has('embedding/kernel');
}

function renamed(path: string): string {
  return names.reduce((name, [part, by]) => name.replace(part, by), path);
}

function relaid(path: string, { shape, values }: TensorValues) {
  const kept = { shape, values: Float32Array.from(values) };
  if (!path.endsWith('/kernel'))
    return path.endsWith('/bias') ? { ...kept, shape: [values.length] } : kept;
  const isHeads = /\/(query|key|value)\/kernel$/.test(path);
  const inputs = isHeads ? shape[0] : product(shape.slice(0, -1));
  const outputs = values.length / inputs;
  const turned = new Float32Array(values.length);
  // A kernel of tubelets or patches has its channels behind time and place: [places, in, out].
  const channels = path === 'embedding/kernel' ? shape[shape.length - 2] : 1;
  const places = inputs / channels;
  for (let input = 0; input < inputs; input++) {
    const to = (input % channels) * places + Math.floor(input / channels);
    for (let output = 0; output < outputs; output++)
      turned[output * inputs + to] = values[input * outputs + output];
  }
  if (path !== 'embedding/kernel') return { shape: [outputs, inputs], values: turned };
  // Uniform frame sampling has patches of one frame.
  const [t, h, w] = shape.length === 5 ? shape : [1, ...shape];
  return { shape: [outputs, channels, t, h, w], values: turned };
}

function product(sizes: readonly number[]): number {
  return sizes.reduce((total, size) => total * size, 1);
}
