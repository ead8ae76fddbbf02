import { afterAll, describe, expect, it } from 'vitest';
import { changedModel, modelFile, temporaryFolder, tubelet } from './tubelet.js';

const files = temporaryFolder();
afterAll(files.remove);

const weights = 'transformer/diffusion_pytorch_model.safetensors';
type Header = Record<string, { dtype: string; shape: number[]; data_offsets: [number, number] }>;

/** The transformer's weights with another header. */
function withHeader(change: (header: Header, names: readonly string[]) => void): Uint8Array {
  const file = modelFile(weights);
  const length = Number(file.readBigUInt64LE(0));
  const header: Header = JSON.parse(file.toString('utf8', 8, 8 + length));
  change(
    header,
    Object.keys(header).filter((name) => name !== '__metadata__'),
  );
  const text = Buffer.from(JSON.stringify(header));
  const size = Buffer.alloc(8);
  size.writeBigUInt64LE(BigInt(text.length));
  return Buffer.concat([size, text, file.subarray(8 + length)]);
}

function filledWithNaN(): Uint8Array {
  const file = Buffer.from(modelFile(weights));
  const length = Number(file.readBigUInt64LE(0));
  const header: Header = JSON.parse(file.toString('utf8', 8, 8 + length));
  const [start, end] = header['blocks.3.ffn.net.2.weight']!.data_offsets;
  for (let at = start; at < end; at += 2) file.writeUInt16LE(0x7e00, 8 + length + at);
  return file;
}

/** A config with one option changed. */
function config(path: string, changes: Readonly<Record<string, unknown>>): string {
  return JSON.stringify({ ...JSON.parse(modelFile(path).toString()), ...changes });
}

const transformer = 'transformer/config.json';
const models: readonly (readonly [
  string,
  () => Record<string, Uint8Array | string | null>,
  RegExp,
])[] = [
  ['truncated weights', () => ({ [weights]: modelFile(weights).subarray(0, 100_000) }), /.+/],
  ['weights of a few bytes', () => ({ [weights]: 'short' }), /.+/],
  ['no weights', () => ({ [weights]: null }), /transformer must hold = one safetensors file/],
  [
    'overlapping weights',
    () => ({
      [weights]: withHeader((header, [first, second]) => {
        header[second!] = { ...header[second!]!, data_offsets: header[first!]!.data_offsets };
      }),
    }),
    /.+/,
  ],
  [
    'a misshapen weight',
    () => ({
      [weights]: withHeader((header) => {
        const found = header['blocks.0.attn1.to_q.weight']!;
        found.shape = [found.shape[0]! / 2, found.shape[1]! * 2];
      }),
    }),
    /blocks\.0\.attn1\.to_q\.weight/,
  ],
  [
    'a missing weight',
    () => ({
      [weights]: withHeader((header, names) => {
        const last = names.toSorted(
          (a, b) => header[b]!.data_offsets[1] - header[a]!.data_offsets[1],
        )[0]!;
        header['something.else'] = header[last]!;
        delete header[last];
      }),
    }),
    /something\.else|must be =/,
  ],
  [
    'NaN in a weight',
    () => ({ [weights]: filledWithNaN() }),
    /NaN.*blocks\.3\.ffn\.net\.2\.weight/,
  ],
  [
    'an absurd config',
    () => ({ [transformer]: config(transformer, { num_layers: 1e9 }) }),
    /num_layers must be =/,
  ],
  [
    'more heads than weights',
    () => ({ [transformer]: config(transformer, { num_attention_heads: 1000 }) }),
    /.+/,
  ],
  [
    'a negative size',
    () => ({ [transformer]: config(transformer, { ffn_dim: -4 }) }),
    /ffn_dim must be =/,
  ],
  [
    'an unknown option',
    () => ({ [transformer]: config(transformer, { extra: 1 }) }),
    /options must be =.*extra/,
  ],
  [
    'a config that is not JSON',
    () => ({ [transformer]: '{' }),
    /config\.json must be = a JSON object/,
  ],
  ['no tokenizer', () => ({ 'tokenizer/tokenizer.json': null }), /tokenizer\.json/],
  ['no index', () => ({ 'model_index.json': null }), /model_index\.json must be = there/],
  [
    'another pipeline',
    () => ({
      'model_index.json': config('model_index.json', { _class_name: 'KandinskyV22Pipeline' }),
    }),
    /_class_name of model_index\.json must be = .*WanPipeline/,
  ],
  [
    'another scheduler',
    () => ({
      'scheduler/scheduler_config.json': JSON.stringify({ _class_name: 'DDPMScheduler' }),
    }),
    /scheduler must be = UniPC/,
  ],
  [
    'a wrong default',
    () => ({ 'generation.json': config('generation.json', { num_frames: 0 }) }),
    /num_frames must be = a whole number above 0, got 0/,
  ],
];

describe('a model with', () => {
  it.for(models)('%s is refused in one sentence', async ([name, change, message]) => {
    const model = await changedModel(files.path(name), change());
    const args = ['--out', files.path('a.png'), '--steps', '1', '--frames', '1', '--model', model];
    const { code, output, errors } = await tubelet('generate', 'a', ...args);
    expect({ code, output }).toEqual({ code: 1, output: '' });
    const sentence = errors.split('\n').filter((line) => line.startsWith('tubelet: '));
    expect(sentence).toHaveLength(1);
    expect(sentence[0]).toMatch(message);
    expect(sentence[0]).not.toContain('unexpected');
    expect(errors).not.toMatch(/^\s+at /m);
  });

  it('other defaults uses them', async () => {
    const change = { num_frames: 1, width: 96, upscale: 1, num_inference_steps: 1 };
    const model = await changedModel(files.path('defaults'), {
      'generation.json': config('generation.json', change),
    });
    const out = ['--out', files.path('b.png'), '--model', model, '--json'];
    const { output } = await tubelet('generate', 'a', ...out);
    expect(JSON.parse(output)).toMatchObject({ width: 96, height: 64, frames: 1, scale: 1, model });
  });
});
